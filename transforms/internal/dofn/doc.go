// Package dofn is what the transforms share: values held once a process ([Shared]), panics as errors ([Guard]), counters by
// quarantine code ([Codes]) and the process's own tally of a run ([Progress]).
//
// The one trap: a worker never calls Teardown and keeps its DoFn instances, so what is shared here lives as long as the process.
// Nothing may be put into it that a second pipeline of the same process should not find.
package dofn
