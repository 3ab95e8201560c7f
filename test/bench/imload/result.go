// What a run found: one line of JSON, whose names are the same for every server that was ever measured.

package imload

import "maps"

// Result of one run. Times are milliseconds where nothing else is said.
type Result struct {
	Peer, Scenario, Label  string
	Conns, Groups, Members int
	Rate                   float64
	Window                 int
	Seconds                float64
	Sent, Delivered, Lost  int64
	Dup, Reorder, Stray    int64
	SendErr, AckErr, Acks  int64
	DeliveredPerS          float64
	E2E50, E2E99, E2E999   float64
	E2EMax                 float64
	Ack50, Ack99           float64
	StalledShare           float64 `json:",omitempty"` // of the time in which messages were sent: the machine was many times slower
	StallMax               float64 `json:",omitempty"` // the longest
	Steady99               float64 `json:",omitempty"` // end to end, of what was not on its way then
	CPUPer1k, SelfCPUPer1k float64 // seconds for 1,000 messages sent
	CPUPer1kDeliv          float64 // seconds for 1,000 deliveries
	CPU                    float64 // seconds
	PeakRSSMiB, PeakPSSMiB float64
	Redials                int64
	ConnectS               float64            // seconds until everybody was connected
	ConnectCPUMs           float64            // of the server, for each connection
	Processes              map[string]float64 // seconds of CPU for 1,000 messages sent, by process
	FirstErr               string             `json:",omitempty"` // the first refusal
	At                     string

	// What stands where because of it, when that was looked at.
	Records map[string]float64 `json:",omitempty"` // for each message sent, by topic
	Bytes   map[string]float64 `json:",omitempty"` // for each message sent, by topic and store
	Held    map[string]float64 `json:",omitempty"` // by process: KiB for each idle connection, or MiB under load

	Figures map[string]float64 `json:",omitempty"` // what else was measured; its names say the unit
	Stamp
}

// Stamp says what a line belongs to: the lines of one command have the same Run.
type Stamp struct {
	Run      string `json:",omitempty"` // when the command began
	Revision string `json:",omitempty"`
	Command  string `json:",omitempty"`
	Machine  string `json:",omitempty"`
	Load     string `json:",omitempty"` // of the machine when the line was written: averages of 1, 5 and 15 minutes
}

// reading is what the counters say at one time.
type reading struct {
	at, sent, delivered int64
	cpu                 map[string]float64 // seconds by process
	self                float64            // of the generator
}

func (r *run) reading(s *System) reading {
	now := reading{at: now(), sent: r.sent.Load(), delivered: r.delivered.Load(), self: SelfCPU()}
	if s != nil {
		now.cpu = s.CPU()
	}
	return now
}

// fill computes the result. CPU counts until the last delivery; throughput while messages were being sent.
func (res *Result) fill(r *run, before, ended, after reading) {
	sent, delivered := float64(after.sent-before.sent), float64(after.delivered-before.delivered)
	res.Seconds = float64(ended.at-before.at) / 1e9
	res.Sent, res.Delivered = after.sent, after.delivered
	res.Lost = after.sent*int64(r.fanOut) - after.delivered
	res.Dup, res.Reorder, res.Stray = r.dup.Load(), r.reorder.Load(), r.stray.Load()
	res.SendErr, res.AckErr, res.Acks = r.sendErr.Load(), r.ackErr.Load(), r.acks.Load()
	res.DeliveredPerS = float64(ended.delivered-before.delivered) / res.Seconds
	res.E2E50, res.E2E99, res.E2E999 = r.endToEnd.Quantile(.5), r.endToEnd.Quantile(.99), r.endToEnd.Quantile(.999)
	res.E2EMax = r.endToEnd.Quantile(1)
	res.Ack50, res.Ack99 = r.accepted.Quantile(.5), r.accepted.Quantile(.99)
	res.CPU = sum(after.cpu) - sum(before.cpu)
	if sent <= 0 || delivered <= 0 {
		return
	}
	res.CPUPer1k, res.CPUPer1kDeliv = res.CPU*1000/sent, res.CPU*1000/delivered
	res.SelfCPUPer1k = (after.self - before.self) * 1000 / sent
	res.Processes = map[string]float64{}
	for name, seconds := range after.cpu {
		res.Processes[name] = (seconds - before.cpu[name]) * 1000 / sent
	}
}

func sum(seconds map[string]float64) float64 {
	total := 0.0
	for s := range maps.Values(seconds) {
		total += s
	}
	return total
}
