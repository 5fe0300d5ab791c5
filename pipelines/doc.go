// Package pipelines composes the transforms. [Precompute] builds the pipeline that scores preference pairs under a reference model into
// a cache; [RunPrecompute] does all that a launcher does around it.
//
//	work items → Reshuffle → read → tokenize → split → score → write → commit
//	                          │        │         └─────────────→ write ─┤
//	                          └────────┴──────────┴──→ write quarantine ─┘
//
// Everything from read to write is one fused stage: what crosses a shuffle is work items before it and the names of files after it.
//
// The one trap: no step may be put between those that isn't fused with them. A Flatten of rows, or a side input, would carry every row
// through a shuffle on runners that hold shuffles in memory.
package pipelines
