package bpe

import "hash/maphash"

// A cache remembers the ids of words. A word has one place, which a newer word takes; when the arenas are full, all is forgotten. So
// it needs no allocation a word, and at most about 3 MB.
type cache struct {
	entries []entry
	words   []byte  // arena of the words
	tokens  []int32 // arena of their ids
}

type entry struct {
	hash          uint64 // 0 in an empty entry
	word, token   uint32 // where they begin in the arenas
	length, count uint16
}

// A place is where a word is or would be.
type place struct {
	hash  uint64
	index int
}

const (
	cacheEntries = 1 << 16
	cacheWords   = 1 << 20 // bytes
	cacheTokens  = 1 << 18
	maxCached    = 256 // bytes of a word; longer ones don't come again
)

// seed of the hash; no result depends on it.
var seed = maphash.MakeSeed()

// find returns the place of a word, and whether it is there.
func (c *cache) find(word string) (place, bool) {
	if len(word) > maxCached {
		return place{index: -1}, false
	}
	hash := maphash.String(seed, word) | 1
	p := place{hash, int(hash >> 48)}
	if c.entries == nil {
		return p, false
	}
	e := &c.entries[p.index]
	return p, e.hash == hash && string(c.words[e.word:e.word+uint32(e.length)]) == word
}

// ids returns the ids of a word that was found. They are valid until the next put.
func (c *cache) ids(p place) []int32 {
	e := &c.entries[p.index]
	return c.tokens[e.token : e.token+uint32(e.count)]
}

// put remembers the ids of a word at the place that find gave it.
func (c *cache) put(p place, word string, ids []int32) {
	if p.index < 0 {
		return
	}
	if c.entries == nil {
		c.entries = make([]entry, cacheEntries)
		c.words = make([]byte, 0, cacheWords)
		c.tokens = make([]int32, 0, cacheTokens)
	}
	if len(c.words)+len(word) > cacheWords || len(c.tokens)+len(ids) > cacheTokens {
		clear(c.entries)
		c.words, c.tokens = c.words[:0], c.tokens[:0]
	}
	c.entries[p.index] = entry{p.hash, uint32(len(c.words)), uint32(len(c.tokens)), uint16(len(word)), uint16(len(ids))}
	c.words = append(c.words, word...)
	c.tokens = append(c.tokens, ids...)
}
