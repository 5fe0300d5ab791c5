// Package storetest holds the tests that every storage.Store has to pass: [Run] in a test of the store.
//
// The one trap: the store given to a subtest must be empty and its own; nothing is cleaned up between them.
package storetest
