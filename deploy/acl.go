// Who may do what on the cluster: the least that each part needs, derived from the plan. What is not listed is denied,
// so brokers must run with allow.everyone.if.no.acl.found=false.

package deploy

import (
	"fmt"
	"strings"

	"github.com/parley-im/parley/topology"
)

// ACL is one permission. Everything is allowed by name, never by prefix: a new topic is nobody's until the plan says so.
// Read and Write include Describe, and Write on any topic includes the right to produce idempotently.
type ACL struct {
	Principal string `json:"principal"` // User:<plan>.processor.<group>, .view.<view>, .gateway.<gateway>, .analyst, .auditor, .operator or .deploy
	Resource  string `json:"resource"`  // topic or group
	Name      string `json:"name"`
	Operation string `json:"operation"`
	Why       string `json:"why"`
}

// Kinds of resources, and operations, as Kafka calls them.
const (
	onTopic = "topic"
	onGroup = "group"

	read            = "Read"
	write           = "Write"
	create          = "Create"
	describe        = "Describe"
	describeConfigs = "DescribeConfigs"
	alterConfigs    = "AlterConfigs"
)

// acls collects what one principal may do.
type acls struct {
	principal string
	list      []ACL
}

func (a *acls) may(operation, resource, name, why string) {
	a.list = append(a.list, ACL{a.principal, resource, name, operation, why})
}

// ACLs are all permissions that the plan needs, part by part in its order. Nobody may delete anything.
func ACLs(p topology.Plan) []ACL {
	var all []ACL
	as := func(name string, grant func(*acls)) {
		a := &acls{principal: "User:" + p.Name + "." + name}
		grant(a)
		all = append(all, a.list...)
	}
	for _, g := range p.Gateways {
		as("gateway."+g.Name, func(a *acls) { a.gateway(p, g) })
	}
	for _, g := range p.Groups {
		as("processor."+g.Name, func(a *acls) { a.group(p, g) })
	}
	for _, v := range p.Views {
		as("view."+v.Name, func(a *acls) { a.follow(v.Input, p.ViewConsumer(v.Name)) })
	}
	as("analyst", func(a *acls) { a.analyst(p) })
	as("auditor", func(a *acls) { a.auditor(p) })
	as("operator", func(a *acls) { a.operator(p) })
	as("deploy", func(a *acls) { a.deployer(p) })
	return all
}

func (a *acls) gateway(p topology.Plan, g topology.Gateway) {
	for _, topic := range g.Says {
		a.may(write, onTopic, topic, "passes on what people ask")
	}
	if len(g.Hears) > 0 {
		a.follow(g.Hears, p.GatewayConsumer(g.Name))
	}
}

func (a *acls) follow(topics []string, consumer string) {
	for _, topic := range topics {
		a.may(read, onTopic, topic, "follows it")
	}
	a.may(read, onGroup, consumer, "shares the partitions among its processes and commits")
}

func (a *acls) group(p topology.Plan, g topology.Group) {
	table := p.Table(g.Name)
	a.may(read, onTopic, g.Input, "folds it")
	a.may(read, onGroup, p.Consumer(g.Name), "shares the partitions among its processes and commits")
	a.may(read, onTopic, table, "recovers its rows")
	a.may(write, onTopic, table, "writes its rows, takeovers and tombstones")
	a.may(describeConfigs, onTopic, table, "makes sure that it is compacted before it trusts it")
	for _, topic := range g.Output {
		a.may(write, onTopic, topic, "says it")
	}
	a.may(write, onTopic, topology.DeadLetters, "puts aside what it cannot take")
}

// analyst replays: reads every log and table, without a group and without leaving a trace.
func (a *acls) analyst(p topology.Plan) {
	for _, t := range p.Topics {
		a.may(read, onTopic, t.Name, "replays it")
	}
	for _, g := range p.Groups {
		a.may(read, onTopic, p.Table(g.Name), "compares it with the fold of its log")
	}
}

// auditor follows every log and table with a group of its own (parley verify), and asks how far the others are: what they have
// committed is done, so what it should have said must stand in the log.
func (a *acls) auditor(p topology.Plan) {
	a.analyst(p)
	a.may(read, onGroup, p.Consumer(auditGroup), "follows everything, alone, and commits to show its lag")
	for _, g := range p.Groups {
		a.may(describe, onGroup, p.Consumer(g.Name), "asks which inputs are done")
	}
}

// auditGroup is the name of the auditor's consumer group, as cmd/parley calls it. Rebuilds of views, explain and state have none:
// they read by offset, and the place of what they build stands in its store.
const auditGroup = "audit"

// operator sees everything, activates rules, redrives dead letters, and sees and moves the positions of groups.
func (a *acls) operator(p topology.Plan) {
	a.analyst(p)
	for _, t := range p.Topics {
		if t.IsCommand() {
			a.may(write, onTopic, t.Name, "activates rules and redrives dead letters")
		}
	}
	for _, g := range p.Groups {
		a.may(read, onGroup, p.Consumer(g.Name), "sees how far it is")
	}
	for _, v := range p.Views {
		a.may(read, onGroup, p.ViewConsumer(v.Name), "sees how far it is")
	}
	for _, g := range p.Gateways {
		if len(g.Hears) > 0 {
			a.may(read, onGroup, p.GatewayConsumer(g.Name), "sees how far it is")
		}
	}
}

// deployer is the one that runs Diff and Apply. It reads and writes no record.
func (a *acls) deployer(p topology.Plan) {
	for _, spec := range Desired(p, Options{}) {
		for _, operation := range []string{create, describe, describeConfigs, alterConfigs} {
			a.may(operation, onTopic, spec.Name, "makes the plan real")
		}
	}
}

// Command is the permission as an argument list of Kafka's own kafka-acls.sh.
func (a ACL) Command() string {
	return fmt.Sprintf("--add --allow-principal %s --operation %s --%s %s", a.Principal, a.Operation, a.Resource, a.Name)
}

// ACLText is the list for people: one principal after the other, each permission with its why.
func ACLText(list []ACL) string {
	var b strings.Builder
	principal := ""
	for _, a := range list {
		if a.Principal != principal {
			principal = a.Principal
			fmt.Fprintf(&b, "%s\n", principal)
		}
		fmt.Fprintf(&b, "  %-15s %s %-29s  %s\n", a.Operation, a.Resource, a.Name, a.Why)
	}
	return b.String()
}
