package cache

import "time"

// SetClock sets the time that rolls a sink's parts.
func (s *Sink) SetClock(clock func() time.Time) {
	s.clock, s.began, s.last = clock, clock(), clock()
}

// Decoded returns how many row groups, and how many rows alone, the reader decoded.
func (r *RowReader) Decoded() (groups, rows int) { return r.decoded, r.single }

// SetLimits sets the bytes of row groups and the number of files that the reader keeps.
func (r *RowReader) SetLimits(bytes, files int64) {
	r.Keep(bytes)
	r.files.limit = files
}
