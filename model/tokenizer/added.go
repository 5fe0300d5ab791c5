package tokenizer

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/steelyard-ml/steelyard/model/tokenizer/internal/ucd"
)

// An addedToken is a token that is found in the text before any model sees it.
type addedToken struct {
	ID         *int32 `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"` // not inside a word
	LStrip     bool   `json:"lstrip"`      // takes the white space before it
	RStrip     bool   `json:"rstrip"`      // and after it
	Normalized bool   `json:"normalized"`  // found in the normalized text, itself normalized; else in the text as given
	Special    bool   `json:"special"`
}

// An addedVocabulary is the added tokens, in the two sets in which they are looked for.
type addedVocabulary struct {
	ids             map[string]int32
	tokens          map[int32]addedToken
	special         map[string]struct{}
	raw, normalized *matcher
}

func newAdded() *addedVocabulary {
	return &addedVocabulary{ids: map[string]int32{}, tokens: map[int32]addedToken{}, special: map[string]struct{}{}}
}

// add adds a token as the crate does: one that a vocabulary has keeps its id, another gets the next. A new set of properties replaces
// the old one.
func (v *addedVocabulary) add(token addedToken, vocab map[string]int32) int32 {
	token.ID = nil
	if token.Special && token.Content != "" {
		v.special[token.Content] = struct{}{}
	}
	id, ok := v.ids[token.Content]
	if !ok {
		id, ok = vocab[token.Content]
	}
	if token.Content == "" || ok && v.tokens[id] == token {
		return id
	}
	if !ok {
		id = int32(len(vocab))
		for used := range v.tokens {
			id = max(id, used+1)
		}
	}
	v.ids[token.Content] = id
	v.tokens[id] = token
	return id
}

// index makes the two sets of patterns; call it when all tokens are added.
func (v *addedVocabulary) index(n normalizer) error {
	v.raw, v.normalized = &matcher{vocabulary: v}, &matcher{vocabulary: v}
	for _, id := range slices.Sorted(maps.Keys(v.tokens)) {
		token := v.tokens[id]
		pattern, set := token.Content, v.raw
		if token.Normalized {
			set = v.normalized
			if n != nil {
				pattern = n.normalize(pattern)
			}
		}
		if pattern == "" {
			return fmt.Errorf("added token %q is empty after normalization", token.Content)
		}
		if other, ok := set.insert(pattern, id); !ok {
			return fmt.Errorf("added tokens %q and %q are the same after normalization", v.tokens[other].Content, token.Content)
		}
	}
	return nil
}

// A matcher finds patterns in a text: the leftmost first, the longest of those. It is a trie of bytes.
type matcher struct {
	vocabulary *addedVocabulary
	nodes      []node
	begins     [256]bool // bytes with which a pattern begins
}

type node struct {
	bytes    []byte // of the children
	children []int32
	id       int32 // −1 where no pattern ends
}

// insert adds a pattern; ok is false if it is there, for another id.
func (m *matcher) insert(pattern string, id int32) (other int32, ok bool) {
	if m.nodes == nil {
		m.nodes = []node{{id: -1}}
	}
	m.begins[pattern[0]] = true
	at := int32(0)
	for i := range len(pattern) {
		child := m.child(at, pattern[i])
		if child < 0 {
			child = int32(len(m.nodes))
			m.nodes[at].bytes = append(m.nodes[at].bytes, pattern[i])
			m.nodes[at].children = append(m.nodes[at].children, child)
			m.nodes = append(m.nodes, node{id: -1})
		}
		at = child
	}
	if other := m.nodes[at].id; other >= 0 {
		return other, false
	}
	m.nodes[at].id = id
	return id, true
}

func (m *matcher) child(at int32, b byte) int32 {
	n := &m.nodes[at]
	for i, c := range n.bytes {
		if c == b {
			return n.children[i]
		}
	}
	return -1
}

// find returns the first match at or after from; ok is false where there is none.
func (m *matcher) find(text string, from int) (start, stop int, id int32, ok bool) {
	if m.nodes == nil {
		return 0, 0, 0, false
	}
	for start = from; start < len(text); start++ {
		if !m.begins[text[start]] {
			continue
		}
		id = -1
		at := int32(0)
		for i := start; i < len(text); i++ {
			if at = m.child(at, text[i]); at < 0 {
				break
			}
			if m.nodes[at].id >= 0 {
				id, stop = m.nodes[at].id, i+1
			}
		}
		if id >= 0 {
			return start, stop, id, true
		}
	}
	return 0, 0, 0, false
}

// split calls emit for every part of text in order: an added token with its id, or what is between them with id −1. A match takes the
// white space beside it as the token's properties say, and is none where the token must be a word and is not.
func (m *matcher) split(text string, emit func(part string, id int32, start int)) {
	done, from := 0, 0
	for {
		start, stop, id, ok := m.find(text, from)
		if !ok {
			break
		}
		from = stop
		token := m.vocabulary.tokens[id]
		if token.SingleWord && (endsInWord(text[:start]) || beginsInWord(text[stop:])) {
			continue
		}
		if token.LStrip {
			start = len(strings.TrimRightFunc(text[:start], isSpace)) // before done: the match before has that white space
		}
		if token.RStrip {
			stop += len(text[stop:]) - len(strings.TrimLeftFunc(text[stop:], isSpace))
		}
		if done < start {
			emit(text[done:start], -1, done)
		}
		emit(text[start:stop], id, start)
		done = stop
	}
	if done < len(text) {
		emit(text[done:], -1, done)
	}
}

func isSpace(r rune) bool { return ucd.In(r, ucd.Space) }

func beginsInWord(s string) bool {
	r, n := utf8.DecodeRuneInString(s)
	return n > 0 && ucd.Word(r)
}

func endsInWord(s string) bool {
	r, n := utf8.DecodeLastRuneInString(s)
	return n > 0 && ucd.Word(r)
}
