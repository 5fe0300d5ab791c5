package bpe

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// naive is byte-pair encoding as it is defined: merge the adjacent pair of the lowest rank, the leftmost of equals.
func naive(s Spec, word string) []int32 {
	var tokens []string
	for _, r := range word {
		tokens = append(tokens, string(r))
	}
	for {
		best, at := len(s.Merges), -1
		for i := 0; i+1 < len(tokens); i++ {
			if rank := slices.Index(s.Merges, [2]string{tokens[i], tokens[i+1]}); rank >= 0 && rank < best {
				best, at = rank, i
			}
		}
		if at < 0 {
			break
		}
		tokens = slices.Replace(tokens, at, at+2, tokens[at]+tokens[at+1])
	}
	var ids []int32
	for _, token := range tokens {
		ids = append(ids, s.Vocab[token])
	}
	return ids
}

// TestNaive compares scan, heap and cuts with the definition, for random merges and words on both sides of maxScan.
func TestNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		letters := []string{"a", "b", "▁"}
		s := Spec{Vocab: map[string]int32{}, Unknown: "?"} // with it, words are cut
		tokens := slices.Clone(letters)
		for range rapid.IntRange(0, 12).Draw(t, "merges") {
			merge := [2]string{rapid.SampledFrom(tokens).Draw(t, "left"), rapid.SampledFrom(tokens).Draw(t, "right")}
			if slices.Contains(s.Merges, merge) || slices.Contains(tokens, merge[0]+merge[1]) {
				continue
			}
			s.Merges = append(s.Merges, merge)
			tokens = append(tokens, merge[0]+merge[1])
		}
		for i, token := range tokens {
			s.Vocab[token] = int32(i)
		}
		s.Vocab["?"] = int32(len(tokens))
		m, err := New(s)
		if err != nil {
			t.Fatal(err)
		}
		session := m.Session()
		for range 4 {
			word := strings.Join(rapid.SliceOfN(rapid.SampledFrom(letters), 0, 3*maxScan).Draw(t, "word"), "")
			for range 2 { // the second comes out of the cache
				if got, want := session.Append(nil, word), naive(s, word); !slices.Equal(got, want) {
					t.Fatalf("merges %v\nword %s\n got %v\nwant %v", s.Merges, word, got, want)
				}
			}
		}
	})
}

// TestCacheForgets fills the arenas more than once.
func TestCacheForgets(t *testing.T) {
	m, err := New(Spec{Vocab: map[string]int32{"a": 0, "b": 1}})
	if err != nil {
		t.Fatal(err)
	}
	session := m.Session()
	for i := range 3 * cacheWords / maxCached {
		word := []byte(strings.Repeat("a", maxCached))
		for bit := range 16 {
			if i>>bit&1 != 0 {
				word[bit] = 'b'
			}
		}
		got := session.Append(nil, string(word))
		for k, id := range got {
			if id != int32(word[k]-'a') {
				t.Fatalf("word %d: id %d at %d", i, id, k)
			}
		}
		if len(got) != maxCached {
			t.Fatalf("word %d: %d ids", i, len(got))
		}
	}
	if len(session.cache.words) > cacheWords || len(session.cache.tokens) > cacheTokens {
		t.Error("the arenas grew")
	}
}

func TestAlphabet(t *testing.T) {
	for b := range 256 {
		raw := string([]byte{byte(b)})
		if got, ok := Raw(Spell(raw)); got != raw || !ok {
			t.Errorf("byte %#x came back as %q", b, got)
		}
	}
	if got := Spell(" a\n"); got != "ĠaĊ" {
		t.Errorf("Spell = %q", got)
	}
	if _, ok := Raw("日"); ok {
		t.Error("日 is not of the alphabet")
	}
}

// TestHeap checks that merges leave the heap by rank, those of one rank from left to right, in whatever order they came.
func TestHeap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &Session{ranks: rapid.SliceOfN(rapid.Uint32Range(0, 3), 1, 40).Draw(t, "ranks")}
		var want []uint64
		for i, rank := range s.ranks {
			want = append(want, uint64(rank)<<32|uint64(i))
		}
		slices.Sort(want)
		for _, entry := range rapid.Permutation(want).Draw(t, "order") {
			s.push(int(uint32(entry)))
		}
		for i := range want {
			if got := s.pop(); got != want[i] {
				t.Fatalf("entry %d is %#x, want %#x", i, got, want[i])
			}
		}
	})
}
