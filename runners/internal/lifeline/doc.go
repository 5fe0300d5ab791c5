// Package lifeline connects a worker process to the process that launched it, so that each knows at once when the other has gone. The
// launcher's end is a [Line], the worker's [Hold]; nothing is ever sent but a token.
//
// Beam's own connections leave both in the dark: prism waits for ever for a worker that dies between two bundles, and a worker whose boot
// nobody stops sleeps for ever with the model in memory.
//
// The one trap: a line knows of a worker only from the moment it holds. Whether one ever comes is for others to watch.
package lifeline
