// Package lint holds the project's rules as tests: who may import whom (docs/design.md, section 2), how large files and packages grow,
// and where a product must be rounded before it is added to something. It exports nothing.
//
// The one trap: a package that the import table does not know fails the test. A new directory is a decision: write it into the table of
// docs/design.md and into imports_test.go.
package lint
