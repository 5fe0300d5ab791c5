// Package filters holds Jinja's filters and tests ([Filters], [Tests]), for a jinja.Environment.
//
// The one trap: map, select, unique and their like are generators, as in Python. They do nothing until they are read, can be read once,
// and are true even where they hold nothing.
package filters
