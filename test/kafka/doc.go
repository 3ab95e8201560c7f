// Package kafka holds the campaigns: processes that fold are killed and frozen, brokers are stopped, and what was said is
// checked command by command. It has tests only.
package kafka
