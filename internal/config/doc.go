// Package config fills a struct of options from one YAML file, then the environment, then flags, the later winning.
//
// A field of an options struct with the tag yaml:"learning_rate" is the key learning_rate of the file, STEELYARD_LEARNING_RATE in the
// environment and the flag --learning-rate; the tag usage:"…" is its line of help and
// alias:"…" another name for it. [Flags] declares the flags, [Resolve] fills the struct
// and reports every fault at once, each with its place.
//
// The one trap: the value a field has before Flags is called is its default, so fill in the defaults first.
package config
