// The laws of a capacity plan: twice the users need twice of everything, copies multiply disk and network, no machine is asked for
// more than it has; and the measured costs are complete.

package capacity

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/deploy"
	"github.com/parley-im/parley/topology"
)

func measuredNow(t *testing.T) costs {
	c, err := readCosts()
	require.NoError(t, err)
	return c
}

func TestMeasuredCostsAreComplete(t *testing.T) {
	c := measuredNow(t)
	_, err := time.Parse(time.DateOnly, c.Measured)
	require.NoError(t, err, "the date of the measurement")
	require.NotEmpty(t, c.Command)
	require.NotEmpty(t, c.Machine)
	require.GreaterOrEqual(t, len(c.Rates), 3)
	for _, kind := range Kinds() {
		require.Positive(t, slices.Max(c.CPU[kind].Pairs), kind)
	}
	plan := topology.House()
	known := []string{inRedis, inDocuments}
	for _, topic := range plan.Topics {
		known = append(known, topic.Name)
	}
	for _, g := range plan.Groups {
		known = append(known, plan.Table(g.Name))
	}
	for target := range c.Bytes {
		require.Contains(t, known, target, "no such topic or store: the plan has changed since it was measured")
	}
	require.Len(t, texts, 7)
	for target, times := range texts {
		require.Contains(t, known, target)
		require.Positive(t, c.Bytes[target].Pairs[0], target)
		require.Positive(t, times.message+times.inbox)
	}
	quiet, busy := 0.0, 0.0
	for _, a := range c.Records {
		quiet += a.Pairs[0]
		busy += a.Pairs[len(a.Pairs)-1]
	}
	require.InDelta(t, 11, quiet, 0.5, "records of a 1:1 message")
	require.InDelta(t, 9, busy, 2, "the same under load, where of a key's rows only the newest is written")
	require.Positive(t, c.Connection["gateway"])
	require.Positive(t, c.Person[inRedis])
}

func TestCostsOfAMessageInCompany(t *testing.T) {
	rates, paid := []float64{10, 1000}, []float64{8, 2}
	a := deploy.Cost{Pairs: paid, Inbox: []float64{0.5, 0.1}, Receipt: 0.25, Connect: 3, Renewal: 7}
	require.InDelta(t, 8+3*0.5+2*0.25+3+2*7, costs{deploy.Costs{Rates: rates, InboxRates: []float64{30, 90}}}.of(a, 10, mix{inboxes: 5, receipts: 2, connects: 1, renewals: 2}), 1e-9)
}

func TestCostsOfABusyHouseAreTheLastMeasured(t *testing.T) {
	c := costs{deploy.Costs{Rates: []float64{10, 1000}, InboxRates: []float64{30, 90}}}
	a := deploy.Cost{Pairs: []float64{8, 2}, Inbox: []float64{0.5, 0.1}}
	require.InDelta(t, 2+3*0.1, c.of(a, busy, mix{inboxes: 5}), 1e-9)
	require.InDelta(t, 2, c.of(a, busy, mix{inboxes: 2}), 1e-9, "of nothing there is no rate")
}

// planned is the plan of a preset that a test changes.
func planned(t *testing.T, change func(*Workload)) Plan {
	c := Presets["1b"]
	if change != nil {
		change(&c)
	}
	require.NoError(t, c.Check())
	return planOf(c, measuredNow(t), defaultShapes, DefaultPrices)
}

// needs are all needs by kind and resource.
func needs(p Plan) map[string]float64 {
	all := map[string]float64{}
	for _, m := range p.Machines {
		for _, u := range m.Uses {
			all[m.Kind+" "+u.Resource] = u.Need
		}
	}
	return all
}

func TestTwiceThePeopleNeedTwiceOfEverything(t *testing.T) {
	once, twice := planned(t, nil), planned(t, func(c *Workload) { c.Users *= 2 })
	for name, need := range needs(once) {
		if name == "kafka partition replicas" {
			require.GreaterOrEqual(t, needs(twice)[name], need)
			continue // a power of two
		}
		require.InEpsilon(t, 2*need, needs(twice)[name], 1e-9, name)
	}
	require.InEpsilon(t, 2*once.Disk.Log, twice.Disk.Log, 1e-9)
	sum := 0.0
	for _, bytes := range once.Disk.Topics {
		sum += bytes
	}
	require.InEpsilon(t, once.Disk.Log, sum, 1e-9)
	require.InEpsilon(t, 2*once.Rates.Records, twice.Rates.Records, 1e-9)
	require.InEpsilon(t, once.Cost.PerUser, twice.Cost.PerUser, 0.01, "many people share what is rounded up")
	spoken := planned(t, func(c *Workload) { c.Messages *= 2; c.Connects *= 2; c.Online *= 2 })
	require.InEpsilon(t, 2*once.Disk.Log, spoken.Disk.Log, 1e-9)
	require.InEpsilon(t, once.Disk.Tables, spoken.Disk.Tables, 1e-9, "who talks more has no more rows")
}

func TestCopiesMultiplyDiskAndNetwork(t *testing.T) {
	one, three := planned(t, func(c *Workload) { c.Replication = 1 }), planned(t, nil)
	for _, name := range []string{"kafka disk", "kafka network in", "kafka CPU"} {
		require.InEpsilon(t, 3*needs(one)[name], needs(three)[name], 1e-9, name)
	}
	in := one.Rates.LogIn / gbit
	require.InEpsilon(t, needs(one)["kafka network out"]+2*in, needs(three)["kafka network out"], 1e-9, "followers read it twice")
	require.InEpsilon(t, 3*one.Disk.Documents, three.Disk.Documents, 1e-9)
	require.InEpsilon(t, one.Rates.LogIn, three.Rates.LogIn, 1e-9, "before replication")
	require.InEpsilon(t, needs(one)["processors CPU"], needs(three)["processors CPU"], 1e-9)
	require.Greater(t, planned(t, func(c *Workload) { c.Standby = true }).Rates.LogOut, three.Rates.LogOut, "standbys read tables")
}

func TestWhatGrowsWithWhat(t *testing.T) {
	plain := planned(t, nil)
	kept := planned(t, func(c *Workload) { c.Retention *= 2 })
	require.Greater(t, kept.Disk.Log, plain.Disk.Log)
	require.Less(t, kept.Disk.Log, 2*plain.Disk.Log, "commands are kept for days")
	require.InEpsilon(t, 2*plain.Disk.Documents, kept.Disk.Documents, 1e-9)
	away, peaked := planned(t, func(c *Workload) { c.Online = 0 }), planned(t, func(c *Workload) { c.Online = 0; c.Peak *= 2 })
	require.InEpsilon(t, 2*needs(away)["processors CPU"], needs(peaked)["processors CPU"], 1e-9)
	require.InEpsilon(t, away.Disk.Log, peaked.Disk.Log, 1e-9, "a peak fills no disk")
	require.Less(t, away.Disk.Log, plain.Disk.Log, "who is there renews a presence")
	long := planned(t, func(c *Workload) { c.MessageBytes += 100 })
	inboxes := plain.Rates.Inboxes / plain.Rates.Messages
	require.InDelta(t, 100*(3+2*inboxes), (long.Rates.LogIn-plain.Rates.LogIn)/plain.Rates.Messages, 1e-6,
		"the text stands in three records, and in two of each inbox")
	direct := planned(t, func(c *Workload) { c.Direct = 1 })
	require.InEpsilon(t, 2*direct.Rates.Messages, direct.Rates.Inboxes, 1e-9)
	quiet := planned(t, func(c *Workload) { c.Receipts = 0 })
	require.Less(t, quiet.Rates.Records, plain.Rates.Records)
}

func TestMachinesSufficeAndNoneIsTooMany(t *testing.T) {
	for name := range Presets {
		c := Presets[name]
		p := planOf(c, measuredNow(t), defaultShapes, DefaultPrices)
		for _, m := range p.Machines {
			tight := false
			for _, u := range m.Uses {
				require.LessOrEqual(t, u.Need, u.Each*float64(m.Needed)*(1+1e-9), "%s: %s of %s", name, u.Resource, m.Kind)
				tight = tight || u.Need > u.Each*float64(m.Needed-1)
				if u.fixed {
					continue
				}
				require.GreaterOrEqual(t, u.FullAt, p.First.At)
				require.GreaterOrEqual(t, u.FullAt, p.Rates.Messages*(1-1e-9))
				require.GreaterOrEqual(t, u.FullAt/float64(m.Needed), p.Single.At*(1-1e-9))
			}
			require.True(t, tight || m.Needed == c.Replication || m.Needed == 1, "%s: %d of %s", name, m.Needed, m.Kind)
			require.Equal(t, m.Needed*m.Copies+c.Spare, m.Total)
		}
		require.Equal(t, 0, p.Partitions&(p.Partitions-1), "a power of two")
		require.InEpsilon(t, p.Cost.Total, p.Cost.PerUser*c.Users, 1e-9)
		require.Zero(t, planOf(c, measuredNow(t), defaultShapes, Prices{}).Cost.Total)
	}
}
