package unigram

import (
	"fmt"
	"unicode/utf8"
)

// A Piece is a token and its score.
type Piece struct {
	Token string
	Score Score
}

// A Model encodes words. It is safe for concurrent use; its sessions are not.
type Model struct {
	pieces  []Piece
	ids     map[string]int32
	trie    trie
	unknown int32
	miss    float64    // score of a character that no piece is
	bytes   [256]int32 // <0x00> to <0xFF>, −1 where there is none or bytes are no way out
}

// penalty is how much less likely an unknown character is than the least likely piece.
const penalty = 10

// New returns the model of pieces, whose places are their ids. unknown is the id of what no piece is; byteFallback says that an unknown
// run becomes the pieces <0x00> to <0xFF> of its bytes if all of them are there.
func New(pieces []Piece, unknown int, byteFallback bool) (*Model, error) {
	if unknown < 0 || unknown >= len(pieces) {
		return nil, fmt.Errorf("unk_id %d, but vocab has %d pieces", unknown, len(pieces))
	}
	m := &Model{pieces: pieces, ids: make(map[string]int32, len(pieces)), unknown: int32(unknown)}
	least := pieces[0].Score
	size := 0
	for id, p := range pieces {
		if first, twice := m.ids[p.Token]; twice {
			return nil, fmt.Errorf("vocab[%d]: %q is vocab[%d], too", id, p.Token, first)
		}
		m.ids[p.Token] = int32(id)
		least = min(least, p.Score)
		size += len(p.Token)
	}
	m.miss = float64(least) - penalty
	m.trie = newTrie(size)
	for token, id := range m.ids {
		m.trie.put(token, id)
	}
	for b := range m.bytes {
		m.bytes[b] = -1
		if id, ok := m.ids[fmt.Sprintf("<0x%02X>", b)]; ok && byteFallback {
			m.bytes[b] = id
		}
	}
	return m, nil
}

// Vocab returns the id of every piece.
func (m *Model) Vocab() map[string]int32 { return m.ids }

// A Session encodes words for one goroutine at a time.
type Session struct {
	m     *Model
	best  []path // by where it ends
	spans [][2]int
}

// A path is the best way to a place of the word, by its last piece.
type path struct {
	score float64
	from  int // where the piece begins, −1 for no way
	id    int32
}

// Session returns a new session of the model.
func (m *Model) Session() *Session { return &Session{m: m} }

// Append appends the ids of a word of valid UTF-8.
func (s *Session) Append(dst []int32, word string) []int32 {
	s.search(word)
	// Backwards: neighbours that are unknown are one.
	s.spans = s.spans[:0]
	unknown := false
	for end := len(word); end > 0; {
		p := s.best[end]
		if last := len(s.spans) - 1; p.id == s.m.unknown && unknown {
			s.spans[last][0] = p.from
		} else {
			s.spans = append(s.spans, [2]int{p.from, end})
		}
		unknown = p.id == s.m.unknown
		end = p.from
	}
	for i := len(s.spans) - 1; i >= 0; i-- {
		dst = s.appendOne(dst, word[s.spans[i][0]:s.spans[i][1]])
	}
	return dst
}

// appendOne appends the id of a piece or of an unknown run, which may happen to be a piece itself.
func (s *Session) appendOne(dst []int32, text string) []int32 {
	if id, ok := s.m.ids[text]; ok {
		return append(dst, id)
	}
	begin := len(dst)
	for i := range len(text) {
		id := s.m.bytes[text[i]]
		if id < 0 {
			return append(dst[:begin], s.m.unknown)
		}
		dst = append(dst, id)
	}
	return dst
}

// search fills best. Of paths with the same score the one found first stays: pieces are tried from each place on, from the shortest.
func (s *Session) search(word string) {
	m := s.m
	if cap(s.best) <= len(word) {
		s.best = make([]path, len(word)+len(word)/2+1)
	}
	s.best = s.best[:len(word)+1]
	for i := range s.best {
		s.best[i] = path{from: -1}
	}
	for at := 0; at < len(word); {
		_, char := utf8.DecodeRuneInString(word[at:])
		here, single := s.best[at].score, false
		for node, i := int32(0), at; i < len(word); {
			if node = m.trie.child(node, word[i]); node < 0 {
				break
			}
			i++
			if id := m.trie.ids[node]; id >= 0 {
				s.reach(i, path{float64(m.pieces[id].Score) + here, at, id})
				single = single || i-at == char
			}
		}
		if !single {
			s.reach(at+char, path{m.miss + here, at, m.unknown})
		}
		at += char
	}
}

// reach takes a path if it is the first or a better one.
func (s *Session) reach(end int, p path) {
	if old := &s.best[end]; old.from < 0 || p.score > old.score {
		*old = p
	}
}
