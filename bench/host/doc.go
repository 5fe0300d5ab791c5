// Package host says what machine a measurement was made on, how fast it can multiply and how much memory a process took.
//
// The one trap: a virtual machine's speed moves while one measures. A [Gauge] is read between runs, over and over, and what counts is its
// median.
package host
