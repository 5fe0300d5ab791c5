// Package manifest reads, compares and replaces the manifests of a cache. [Decode] refuses what this program cannot read, [Replace] makes a
// manifest the newest if nobody else has made another, [History] goes back through those that it grew from, [RemoveUnnamed] takes away
// what none of them names.
//
// The one trap: what lies in manifests/ may never have been in force. Only manifest.json, and what History finds from it, was.
package manifest
