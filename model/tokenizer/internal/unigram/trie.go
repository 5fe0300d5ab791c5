package unigram

import "math/bits"

// A trie holds tokens by their bytes: node and byte → child, by open addressing with linear probing, at most half full.
type trie struct {
	slots []slot
	shift uint
	ids   []int32 // of the token that ends at each node, −1 for none; node 0 is the root
}

type slot struct {
	edge  uint64 // node<<8 | byte, plus 1; 0 in an empty slot
	child int32
}

// newTrie returns a trie for tokens of that many bytes in all.
func newTrie(size int) trie {
	log := bits.Len(uint(2*size)) + 1
	return trie{make([]slot, 1<<log), uint(64 - log), []int32{-1}}
}

// find returns the slot of an edge, or the empty one where it would be.
func (t *trie) find(node int32, b byte) *slot {
	edge := (uint64(node)<<8 | uint64(b)) + 1
	for i := int(edge * 0x9E3779B97F4A7C15 >> t.shift); ; i++ {
		if s := &t.slots[i&(len(t.slots)-1)]; s.edge == edge || s.edge == 0 {
			return s
		}
	}
}

// child returns a node's child, −1 for none.
func (t *trie) child(node int32, b byte) int32 {
	if s := t.find(node, b); s.edge != 0 {
		return s.child
	}
	return -1
}

func (t *trie) put(token string, id int32) {
	node := int32(0)
	for i := range len(token) {
		s := t.find(node, token[i])
		if s.edge == 0 {
			s.edge, s.child = (uint64(node)<<8|uint64(token[i]))+1, int32(len(t.ids))
			t.ids = append(t.ids, -1)
		}
		node = s.child
	}
	t.ids[node] = id
}
