package arena

import "github.com/steelyard-ml/steelyard/internal/memory"

// An Arena is memory that every call cuts its buffers from. It grows to the largest call and is used again. The zero value is empty.
type Arena struct {
	mapped []byte
	floats []float32 // mapped
	ints   []int32   // few
}

// Bytes returns the arena's size.
func (a *Arena) Bytes() int64 { return 4 * int64(len(a.floats)+len(a.ints)) }

// A Cutter counts what is asked of it; once an arena has grown to that, the same requests in the same order cut it. The zero value counts.
type Cutter struct {
	floats, ints int // asked for
	from         *Arena
}

// Bytes returns what was asked for so far.
func (c *Cutter) Bytes() int64 { return 4 * int64(c.floats+c.ints) }

// Floats returns n numbers, or nil while it counts.
func (c *Cutter) Floats(n int) []float32 {
	at := c.floats
	c.floats += round(n)
	if c.from == nil {
		return nil
	}
	return c.from.floats[at : at+n : at+n]
}

// FloatsIf is Floats where they are wanted, else nil.
func (c *Cutter) FloatsIf(wanted bool, n int) []float32 {
	if !wanted {
		return nil
	}
	return c.Floats(n)
}

// Shared returns n and m numbers in one place, which takes that of the larger.
func (c *Cutter) Shared(n, m int) (a, b []float32) {
	both := c.Floats(max(n, m))
	if c.from == nil {
		return nil, nil
	}
	return both[:n:n], both[:m:m]
}

// Ints is Floats for indices.
func (c *Cutter) Ints(n int) []int32 {
	at := c.ints
	c.ints += round(n)
	if c.from == nil {
		return nil
	}
	return c.from.ints[at : at+n : at+n]
}

// round makes every buffer begin a cache line.
func round(n int) int { return (n + 15) &^ 15 }

// Grow makes the arena large enough for what c counted, and has c cut it from its beginning. All buffers cut before are invalid then.
//
// The memory is the system's, not the Go heap's: what is too small grows where it is, or goes back before more is asked for, where a heap would
// hold both until it is collected, and garbage may then grow to as much again.
func (a *Arena) Grow(c *Cutter) error {
	if len(a.floats) < c.floats {
		mapped, err := grow(a.mapped, 4*c.floats)
		a.mapped, a.floats = mapped, nil
		if err != nil {
			return err
		}
		a.floats = memory.Float32s(mapped[:4*c.floats])
	}
	if len(a.ints) < c.ints {
		a.ints = make([]int32, c.ints)
	}
	*c = Cutter{from: a}
	return nil
}

// Free gives the memory back. All buffers are invalid then.
func (a *Arena) Free() error {
	mapped := a.mapped
	*a = Arena{}
	return free(mapped)
}
