// Package tools runs the operators' tools as operators do: as commands of the binary, against a deployment that runs, in one
// process or on real servers. It has tests only.
package tools
