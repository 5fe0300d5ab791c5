// Package jinja renders Jinja2 templates as Jinja2 3.1.6 does in an ImmutableSandboxedEnvironment with trim_blocks, lstrip_blocks and
// the loop controls, to the byte. Templates stand alone: there is no inheritance and no loading.
//
// An [Environment] holds filters, tests and globals and parses; a [Template] renders. The work is a lexer, a parser, a pass that gives
// every name its place (Jinja resolves names when it compiles, and templates can tell), and an interpreter of the tree.
//
// The one trap: a name is looked up where the template's text puts it, not in whatever scope happens to be active: see scope.go.
package jinja
