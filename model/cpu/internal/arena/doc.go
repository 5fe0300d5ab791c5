// Package arena holds the memory that an engine's calls cut their buffers from: [Arena].
//
// The one trap: a buffer holds what an earlier call left in it.
package arena
