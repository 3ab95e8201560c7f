// What deploy derives from the plan, and how it tells a difference, are kept as golden files; -update writes them anew.
// The rights are also held against the plan a second time, from the other side: who may not do what.

package deploy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gotest.tools/v3/golden"

	"github.com/parley-im/parley/topology"
)

func TestDesiredGolden(t *testing.T) {
	var b strings.Builder
	for _, spec := range Desired(topology.House(), Options{}) {
		fmt.Fprintf(&b, "%s  %d x %d  (%s)\n", spec.Name, spec.Partitions, spec.Replication, spec.Why)
		for _, s := range spec.Settings {
			fmt.Fprintf(&b, "  %s=%s  # %s\n", s.Key, s.Value, s.Why)
		}
	}
	golden.Assert(t, b.String(), "desired.txt")
}

func TestACLGolden(t *testing.T) {
	golden.Assert(t, ACLText(ACLs(topology.House())), "acls.txt")
	require.Equal(t, "--add --allow-principal User:parley.gateway.session --operation Write --topic outbox.commands",
		ACLs(topology.House())[0].Command())
}

// A difference with every kind of line.
func TestRenderGolden(t *testing.T) {
	desired := Desired(topology.House(), Options{Replication: 1})
	d := Difference{
		ClusterID: "abc", Brokers: 1,
		Missing: []TopicSpec{desired[0], desired[2], desired[len(desired)-1]},
		Settings: []SettingChange{
			{Topic: "inbox.events", Key: "retention.ms", Have: "3600000", Want: "1209600000", Why: "14 days"},
			{Topic: "inbox.events", Key: "compression.type", Have: "producer", Want: "producer", Why: "as it came"},
			{Topic: "inbox.commands", Key: "retention.ms", Have: "-1", Want: "604800000", Why: "7 days", Loses: true},
			{Topic: "inbox.commands", Key: "segment.ms", Want: "86400000", Why: "whole segments"},
		},
		Partitions:  []CountMismatch{{"bookmark.events", 1, 64}},
		Replication: []CountMismatch{{"bookmark.events", 2, 3}},
		Leaderless:  []string{"account.events"},
		Foreign:     []Foreign{{"inbox.events", "flush.ms", "1000"}},
		Extra:       []string{"somebody.elses"},
	}
	golden.Assert(t, d.String(), "difference.txt")
	text, err := d.JSON()
	require.NoError(t, err)
	golden.Assert(t, string(text), "difference.json")
	same := Difference{ClusterID: "abc", Brokers: 3}
	require.Equal(t, "cluster abc, 3 brokers\nthe cluster is as the plan says\n", same.String())
	text, err = same.JSON()
	require.NoError(t, err)
	require.NotContains(t, string(text), "null")
	require.True(t, json.Valid(text))
}

// The matrix of every part, topic and operation, judged by the plan alone.
func TestLeastPrivilege(t *testing.T) {
	p := topology.House()
	given := map[string]bool{}
	for _, a := range ACLs(p) {
		key := a.Principal + " " + a.Operation + " " + a.Resource + " " + a.Name
		require.False(t, given[key], "%s stands twice", key)
		given[key] = true
	}
	allowed := func(part, operation, topic string) bool {
		return given["User:"+p.Name+"."+part+" "+operation+" topic "+topic]
	}
	for _, topic := range p.Topics {
		for _, g := range p.Gateways {
			part := "gateway." + g.Name
			require.Equal(t, slices.Contains(topic.Writers, g.Name), allowed(part, write, topic.Name), "%s writes %s", part, topic.Name)
			require.Equal(t, slices.Contains(p.Readers(topic.Name), "gateway "+g.Name), allowed(part, read, topic.Name), "%s reads %s", part, topic.Name)
		}
		for _, g := range p.Groups {
			part := "processor." + g.Name
			require.Equal(t, slices.Contains(topic.Writers, g.Name), allowed(part, write, topic.Name), "%s writes %s", part, topic.Name)
			require.Equal(t, topic.Name == g.Input, allowed(part, read, topic.Name), "%s reads %s", part, topic.Name)
		}
		for _, v := range p.Views {
			part := "view." + v.Name
			require.False(t, allowed(part, write, topic.Name), "%s writes %s", part, topic.Name)
			require.Equal(t, slices.Contains(v.Input, topic.Name), allowed(part, read, topic.Name), "%s reads %s", part, topic.Name)
		}
		require.False(t, allowed("analyst", write, topic.Name), "an analyst writes %s", topic.Name)
		require.Equal(t, topic.IsCommand(), allowed("operator", write, topic.Name), "an operator writes %s", topic.Name)
		require.False(t, allowed("deploy", read, topic.Name) || allowed("deploy", write, topic.Name), "deploy sees %s", topic.Name)
	}
}

// A table belongs to its group alone; the power to create or alter belongs to deploy alone; none may delete.
func TestTablesAndPowers(t *testing.T) {
	p := topology.House()
	for _, a := range ACLs(p) {
		for _, g := range p.Groups {
			if a.Name == p.Table(g.Name) && a.Operation == write {
				require.Equal(t, "User:parley.processor."+g.Name, a.Principal)
			}
		}
		switch a.Operation {
		case create, alterConfigs:
			require.Equal(t, "User:parley.deploy", a.Principal)
		case read, write, describe, describeConfigs:
		default:
			t.Errorf("%s may %s", a.Principal, a.Operation)
		}
		require.NotContains(t, a.Name, "*")
	}
}
