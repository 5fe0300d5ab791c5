// Package rotary turns pairs of elements of queries and keys by angles that grow with the position (Su et al. 2021), in the layout of
// transformers: [Table].
//
// The one trap: element i is paired with element i + n/2 of the n that are turned, which may be fewer than a head has.
package rotary
