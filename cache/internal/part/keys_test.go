package part

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/steelyard-ml/steelyard/cache/internal/table"
)

// someKeys draws a set of up to 2,000 keys: spread as hashes are, or crowded so that the guess of where a key lies is far off, with the
// ends of all.
func someKeys() *rapid.Generator[map[Key]bool] {
	return rapid.Custom(func(t *rapid.T) map[Key]bool {
		n := rapid.OneOf(rapid.IntRange(0, 3), rapid.IntRange(0, 2000)).Draw(t, "keys")
		prefix := rapid.SampledFrom([]string{"", "", "\x00", "\x7f", "\xff"}).Draw(t, "prefix")
		same := rapid.IntRange(6, 14).Draw(t, "same bytes") // the guess is made of the first eight
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		out := map[Key]bool{}
		for range n {
			var k Key
			for i := range k {
				k[i] = byte(r.Uint32())
			}
			copy(k[:], strings.Repeat(prefix, same))
			out[k] = true
		}
		for _, end := range []Key{{}, Key(bytes.Repeat([]byte{0xff}, 16))} {
			if n > 0 && rapid.Bool().Draw(t, "end") {
				out[end] = true
			}
		}
		return out
	})
}

// keySet maps a set of keys.
func keySet(t *rapid.T, keys map[Key]bool) *KeySet {
	var file []byte
	for _, k := range slices.SortedFunc(maps.Keys(keys), func(a, b Key) int { return bytes.Compare(a[:], b[:]) }) {
		file = append(file, k[:]...)
	}
	mapped, err := table.MapSource(bytes.NewReader(file), 16)
	if err != nil {
		t.Fatal(err)
	}
	return &KeySet{mapped}
}

// checkSet asks a set for the keys that it should have, for their neighbours and for others.
func checkSet(t *rapid.T, s *KeySet, want map[Key]bool, others []Key) {
	if s.Len() != len(want) {
		t.Fatalf("the set has %d keys, want %d", s.Len(), len(want))
	}
	for k := range want {
		before, after := k, k
		before[15]--
		after[15]++
		others = append(others, before, k, after)
	}
	for _, k := range others {
		if s.Has(k) != want[k] {
			t.Fatalf("Has(%s) = %t among %d keys", k, !want[k], len(want))
		}
	}
}

// A key set has the keys of its file and no other, wherever they lie.
func TestKeySetIsASet(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		for range 5 { // they are cheap
			want := someKeys().Draw(rt, "set")
			s := keySet(rt, want)
			checkSet(rt, s, want, slices.Collect(maps.Keys(someKeys().Draw(rt, "others"))))
			if err := s.Close(); err != nil {
				rt.Fatal(err)
			}
		}
	})
}

// What is merged has the keys of all sets, in order, each once.
func TestMergedKeysAreTheUnion(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		want := map[Key]bool{}
		var sets []*KeySet
		for range rapid.IntRange(0, 6).Draw(rt, "sets") {
			keys := someKeys().Draw(rt, "set")
			for k := range want { // some are in two sets
				if keys[k] = true; k[0]&1 > 0 {
					break
				}
			}
			maps.Copy(want, keys)
			sets = append(sets, keySet(rt, keys))
		}
		merged, err := MergeKeys(t.Context(), sets)
		if err != nil {
			rt.Fatal(err)
		}
		for _, s := range sets { // what is merged doesn't need them
			if err := s.Close(); err != nil {
				rt.Fatal(err)
			}
		}
		checkSet(rt, merged, want, nil)
		for i := 1; i < merged.Len(); i++ {
			if a, b := merged.At(i-1), merged.At(i); bytes.Compare(a[:], b[:]) >= 0 {
				rt.Fatalf("key %d does not come after the one before it", i)
			}
		}
		if err := merged.Close(); err != nil {
			rt.Fatal(err)
		}
	})
}
