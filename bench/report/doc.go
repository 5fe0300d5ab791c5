// Package report keeps what was measured, works the numbers of the page out of it, and writes the page.
//
// Raw values are seconds, bytes and operations a second; 0 means that there is no value. Everything else is worked out here, so that the
// page holds no number that was not measured in the run that it describes.
package report
