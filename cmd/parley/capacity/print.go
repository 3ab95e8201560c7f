// A capacity plan as text.

package capacity

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// Print prints the plan as text.
func (p Plan) Print(w io.Writer) error {
	c, r := p.Crowd, p.Rates
	fmt.Fprintf(w, "%s users, %s connected; %s messages a user and day, %.0f %% to one person, groups of %g in the mean (largest %d)\n\n",
		big(c.Users), big(r.Connections), big(c.Messages), 100*c.Direct, c.GroupMean, c.GroupLargest)
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintf(t, "messages a second\t%s in the mean, %s in the busiest second\n", big(r.MeanMessages), big(r.Messages))
	fmt.Fprintf(t, "then\t%s inboxes, %s receipts, %s connections made, %s presences renewed a second\n", big(r.Inboxes), big(r.Receipts), big(r.Connects), big(r.Renewals))
	fmt.Fprintf(t, "Kafka\t%s records a second; %s/s in, %s/s out to readers, before %d copies\n", big(r.Records), size(r.LogIn), size(r.LogOut), c.Replication)
	fmt.Fprintf(t, "partitions\t%d of each topic\n", p.Partitions)
	largest := p.Disk.largest()
	fmt.Fprintf(t, "after %g days\tlog %s (%s alone %s), tables %s, documents %s, Redis %s of memory, with all copies\n", c.Retention,
		size(p.Disk.Log), largest, size(p.Disk.Topics[largest]), size(p.Disk.Tables), size(p.Disk.Documents), size(p.Disk.Redis))
	fmt.Fprintf(t, "a message\t%.1f records, %s in the log, %.2f ms of CPU everywhere, before copies\n",
		summed(p.PerMessage.Records), size(summed(p.PerMessage.Bytes)-p.PerMessage.Bytes[inRedis]-p.PerMessage.Bytes[inDocuments]), summed(p.PerMessage.CPU))
	fmt.Fprintf(t, "to %d members\t%.0f records, %s in the log, %.2f ms of CPU\n", c.GroupLargest,
		summed(p.Largest.Records), size(summed(p.Largest.Bytes)-p.Largest.Bytes[inRedis]-p.Largest.Bytes[inDocuments]), summed(p.Largest.CPU))
	fmt.Fprintf(t, "sent to clients\t%s/s\n", size(r.ToClients))
	if err := t.Flush(); err != nil {
		return err
	}
	p.table(w)
	fmt.Fprintf(w, "\nFull first: %s of %s, at %s messages a second. With one machine of each kind: %s of %s, at %s.\n",
		p.First.Resource, p.First.Kind, big(p.First.At), p.Single.Resource, p.Single.Kind, big(p.Single.At))
	fmt.Fprintf(w, "A month: %s (machines %s, network %s); %.4f a user, %.2f for a million messages. Prices: core %g, GiB of memory %g, of disk %g, sent %g.\n",
		big(p.Cost.Total), big(p.Cost.Machines), big(p.Cost.Network), p.Cost.PerUser, p.Cost.Per1M, p.Prices.Core, p.Prices.Memory, p.Prices.Disk, p.Prices.Network)
	_, err := fmt.Fprintf(w, "\nNOTES\nmeasured %s\n%s\n", p.Measured, strings.Join(p.Notes, "\n"))
	return err
}

// table is the machines by kind.
func (p Plan) table(w io.Writer) {
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "MACHINES\tNEEDED\tWITH COPIES AND SPARES\tCORES/MEMORY/DISK/NETWORK\tBUSY CORES\tWHAT FILLS THEM\tA MONTH")
	for _, m := range p.Machines {
		part := func(u Use) float64 { return u.Need / u.Each / float64(m.Needed) }
		uses := slices.SortedFunc(slices.Values(m.Uses), func(a, b Use) int { return cmp.Compare(part(b), part(a)) })
		var fills []string
		for _, u := range uses[:min(2, len(uses))] {
			fills = append(fills, fmt.Sprintf("%s %.0f %%", u.Resource, 100*part(u)))
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%s\t%s\t%s\t%s\n", m.Kind, m.Needed, m.Total, m.Machine, big(m.CPU), strings.Join(fills, ", "), big(m.MonthFor))
	}
	_ = t.Flush()
}

// largest is the topic with the most bytes.
func (d Disks) largest() string {
	return slices.MaxFunc(slices.Sorted(maps.Keys(d.Topics)), func(a, b string) int { return cmp.Compare(d.Topics[a], d.Topics[b]) })
}

func summed(m map[string]float64) float64 {
	sum := 0.0
	for _, x := range m {
		sum += x
	}
	return sum
}

// big is a number with three digits, or with separated thousands.
func big(x float64) string {
	if x < 100 {
		return strconv.FormatFloat(x, 'g', 3, 64)
	}
	digits := strconv.FormatFloat(math.Round(x), 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// size is a number of bytes with its unit.
func size(x float64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	i := 0
	for ; x >= kib && i < len(units)-1; i++ {
		x /= kib
	}
	return big(x) + " " + units[i]
}
