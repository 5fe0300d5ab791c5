// Package hugepage has large arrays lie on huge pages where the system offers them: [Floats], [Advise]. Such memory costs a quarter as much to
// touch for the first time, and products that walk down a matrix's columns don't wait for the addresses of its pages.
//
// The one trap: a system may hold whole huge pages for an array of which little is used, so advise only for what will be used whole.
package hugepage
