package bpe

import "math/bits"

// A table is the merges: pair of ids → rank and id of the result. Open addressing with linear probing, at most half full.
type table struct {
	slots []slot
	shift uint // 64 − log₂ of the number of slots
}

type slot struct {
	pair   uint64 // left<<32 | right
	rank   uint32 // noRank in an empty slot
	result int32
}

// noRank is the rank of a pair that is never merged.
const noRank = ^uint32(0)

func newTable(n int) table {
	log := max(bits.Len(uint(2*n)), 1)
	t := table{make([]slot, 1<<log), uint(64 - log)}
	for i := range t.slots {
		t.slots[i].rank = noRank
	}
	return t
}

// home is where the search for a pair begins: the high bits of its product with 2⁶⁴/φ (Knuth, vol. 3, 6.4).
func (t *table) home(pair uint64) int { return int(pair * 0x9E3779B97F4A7C15 >> t.shift) }

// put sets a pair's merge; the last one of a pair counts.
func (t *table) put(left, right int32, rank uint32, result int32) {
	pair := uint64(uint32(left))<<32 | uint64(uint32(right))
	i := t.home(pair)
	for t.slots[i].rank != noRank && t.slots[i].pair != pair {
		i = (i + 1) & (len(t.slots) - 1)
	}
	t.slots[i] = slot{pair, rank, result}
}

// get returns the rank and the result of a pair, or noRank.
func (t *table) get(left, right int32) (uint32, int32) {
	pair := uint64(uint32(left))<<32 | uint64(uint32(right))
	slots := t.slots
	for i := t.home(pair); ; i++ {
		s := &slots[i&(len(slots)-1)]
		if s.pair == pair || s.rank == noRank {
			return s.rank, s.result
		}
	}
}
