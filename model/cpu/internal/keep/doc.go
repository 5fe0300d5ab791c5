// Package keep chooses what a training step keeps of every layer for its backward pass, and what it computes again: [Choose].
package keep
