package cache

import (
	"slices"
	"testing"
)

// What was used last stays, sizes count, and the newest stays even where it alone is too large.
func TestLRU(t *testing.T) {
	var dropped []string
	c := lru[int, string]{limit: 10, drop: func(v string) { dropped = append(dropped, v) }}
	step := func(want ...string) {
		t.Helper()
		if !slices.Equal(dropped, want) {
			t.Errorf("dropped %v, want %v", dropped, want)
		}
		dropped = nil
	}
	c.put(1, "a", 4)
	c.put(2, "b", 4)
	step()
	if v, ok := c.get(1); v != "a" || !ok {
		t.Errorf("get(1) = %q, %v", v, ok)
	}
	c.put(3, "c", 4)
	step("b")
	c.put(4, "d", 2)
	step()
	c.put(5, "e", 99)
	step("a", "c", "d")
	if _, ok := c.get(1); ok {
		t.Error("a dropped value was found")
	}
	c.put(6, "f", 1)
	step("e")
	c.clear()
	step("f")
	if c.size != 0 {
		t.Errorf("an empty cache has size %d", c.size)
	}
}
