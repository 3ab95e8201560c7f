// A consumer group and its coordinator: who owns which partition, delivered to each member at another time.

package sim

import "slices"

// coordinator is the broker's side of a group. Members join; when all have joined or were given up, partitions are dealt.
type coordinator struct {
	w          *World
	group      *group
	generation int
	preparing  bool
	deals      int // generations ever, also of groups that are gone
	members    []*process
	joined     []*process
	commits    []commit
}

// join makes a process a member that waits for partitions.
func (c *coordinator) join(p *process) {
	c.preparing = true
	if !slices.Contains(c.members, p) {
		c.members = append(c.members, p)
	}
	if !slices.Contains(c.joined, p) {
		c.joined = append(c.joined, p)
	}
}

// evict gives a member up: its session is over, whether it knows or not.
func (c *coordinator) evict(p *process) {
	if i := slices.Index(c.members, p); i >= 0 {
		c.members = slices.Delete(c.members, i, i+1)
		c.preparing = true
	}
	if i := slices.Index(c.joined, p); i >= 0 {
		c.joined = slices.Delete(c.joined, i, i+1)
	}
}

// current reports whether a session is still that of its member.
func (c *coordinator) current(s *session) bool {
	return s.generation == c.generation && slices.Contains(c.members, s.p)
}

// commit keeps a commit unless the session is over. A session that prepares to end may still commit.
func (c *coordinator) commit(s *session, partition int32, at commit) {
	if c.current(s) && !slices.Contains(c.joined, s.p) {
		c.commits[partition] = at
	}
}

// forget loses a commit: as long as the input is all there, everything is folded again and dropped.
func (c *coordinator) forget(partition int) bool {
	if c.w.befell || c.w.log[c.group.real.Group.Input][partition].start > 0 {
		return false
	}
	c.w.note("the commit of %s/%d is gone", c.group.name, partition)
	c.commits[partition] = noCommit
	if c.w.random.IntN(2) == 0 && c.mayEnd() {
		c.end()
	}
	return true
}

// mayEnd reports whether the group may be deleted: every input is still there from its beginning.
func (c *coordinator) mayEnd() bool {
	return !slices.ContainsFunc(c.w.log[c.group.real.Group.Input], func(p *partition) bool { return p.start > 0 })
}

// end is somebody deleting the group, who knows of no member: the commits go with it, and generations begin anew.
func (c *coordinator) end() {
	c.w.note("the group %s is deleted", c.group.name)
	for i := range c.commits {
		c.commits[i] = noCommit
	}
	c.members, c.joined, c.generation, c.preparing = nil, nil, 0, true
}

// step deals the partitions when everybody has joined.
func (c *coordinator) step() bool {
	if !c.preparing || len(c.members) == 0 || len(c.joined) < len(c.members) {
		return false
	}
	c.preparing = false
	c.generation++
	c.deals++
	order := c.w.random.Perm(len(c.joined))
	owners := make([][]int32, len(c.joined))
	for p := range c.w.plan.Partitions {
		i := order[int(p)%len(order)]
		owners[i] = append(owners[i], p)
	}
	for i, p := range c.joined {
		c.w.note("%s gets %v in generation %d", p.name(), owners[i], c.generation)
		p.begin(c.generation, owners[i])
	}
	c.joined = nil
	return true
}

// group is one group of the plan with its processes.
type group struct {
	w           *World
	name        string
	table       string
	real        *machine // as the plan has it
	coordinator *coordinator
	slots       []*slot
}

// slot is where a process runs, with its disks. A process that dies there is started again.
type slot struct {
	group   *group
	number  int
	lives   int
	disks   []*disk
	backups []*disk
	process *process // nil = dead
	binary  uint32   // newest rules that it knows
	standby bool     // keeps copies of the tables of others
}

func (s *slot) start() {
	s.lives++
	p := &process{w: s.group.w, group: s.group, slot: s, life: s.lives, ids: s.group.w.idsOf(s.group)}
	for range s.disks {
		p.tracks = append(p.tracks, newTrack(p))
	}
	p.machine = s.group.w.mutated(s.group.real, p)
	s.process = p
	s.group.w.note("%s starts", p.name())
	s.group.coordinator.join(p)
}
