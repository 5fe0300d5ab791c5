// Package runners runs a Beam pipeline by the name of a runner: "direct" in the calling goroutine, "prism" in a job server of this
// process, with workers in this process or, as Beam's flags say, in a process that a worker pool starts (docs/workers.md). The names that
// Beam's other SDKs use (DirectRunner, PrismRunner) mean the same.
//
// [Worker] comes first in main: it is where a process that was started as a worker stays. [Init] comes before any pipeline is built.
// [Check] says whether a name can be run; [Run] runs.
//
// The one trap: a runner is more than a speed. direct keeps everything in one goroutine and passes elements by reference; prism
// encodes what crosses a stage and holds it in memory, at fifteen times its size: keep rows inside one fused stage.
package runners
