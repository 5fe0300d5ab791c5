// Package cachetest makes small caches for tests: [Pairs] are rows that a seed decides, [Stage] writes them as bundles do, [Build] makes a
// cache of them, [Read] reads its newest view.
//
// The one trap: the values are drawn, not computed. No model gives them.
package cachetest
