package cache

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/steelyard-ml/steelyard/cache/internal/part"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// keyParts writes the keys of so many parts, spread as hashes are, and returns a snapshot that names them and some of their keys.
func keyParts(t testing.TB, parts, rows int) (s *Snapshot, some []part.Key) {
	t.Helper()
	dir := t.TempDir()
	st, err := storage.Local(dir)
	if err != nil {
		t.Fatal(err)
	}
	s = &Snapshot{st: st}
	r := rand.NewChaCha8([32]byte{1})
	keys := make([]part.Key, rows)
	for i := range parts {
		for j := range keys {
			r.Read(keys[j][:])
		}
		some = append(some, keys[:min(rows, 1+10_000/parts)]...)
		slices.SortFunc(keys, func(a, b part.Key) int { return bytes.Compare(a[:], b[:]) })
		name := fmt.Sprintf("%d.keys", i)
		file := make([]byte, 0, 16*rows)
		for _, k := range keys {
			file = append(file, k[:]...)
		}
		if err := os.WriteFile(filepath.Join(dir, name), file, 0o666); err != nil {
			t.Fatal(err)
		}
		s.manifest.Parts = append(s.manifest.Parts, schemas.Part{Rows: int64(rows), Keys: schemas.FileRef{Path: name, Bytes: int64(len(file))}})
	}
	rand.New(r).Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
	return s, some
}

// Known has the pairs of every part, and none once it is closed.
func TestKnown(t *testing.T) {
	for _, parts := range []int{0, 1, 5} {
		s, some := keyParts(t, parts, 300)
		k, err := s.Known(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range some {
			if !k.Has(key.String()) {
				t.Fatalf("of %d parts: %s is not known", parts, key)
			}
			key[3]++
			if k.Has(key.String()) {
				t.Fatalf("of %d parts: %s is known and in no part", parts, key)
			}
		}
		if k.Has("no id") {
			t.Error("what is no id is known")
		}
		if err := k.Close(); err != nil {
			t.Fatal(err)
		}
		if len(some) > 0 && k.Has(some[0].String()) {
			t.Error("a closed set knows pairs")
		}
	}
}

// A keys file that is not as long as the manifest says is damage.
func TestKnownRefusesDamage(t *testing.T) {
	s, _ := keyParts(t, 2, 30)
	if err := os.Truncate(s.st.URL(s.manifest.Parts[1].Keys.Path), 29*16); err != nil {
		t.Fatal(err)
	}
	if k, err := s.Known(t.Context()); !errors.Is(err, ErrDamaged) {
		t.Errorf("Known over a keys file that was cut: %v, %v, want ErrDamaged", k, err)
	}
}

// BenchmarkKnown opens the keys of a snapshot and looks pairs up, the parts of hits at random.
func BenchmarkKnown(b *testing.B) {
	for _, size := range []struct{ parts, rows int }{{1, 65_536}, {100, 65_536}, {1000, 1000}, {10_000, 1000}} {
		b.Run(fmt.Sprintf("parts=%d/rows=%d", size.parts, size.rows), func(b *testing.B) {
			s, some := keyParts(b, size.parts, size.rows)
			b.Run("open", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					k, err := s.Known(b.Context())
					if err != nil {
						b.Fatal(err)
					}
					k.Close()
				}
			})
			k, err := s.Known(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			defer k.Close()
			b.Run("hit", func(b *testing.B) {
				i := 0
				for b.Loop() {
					if !k.has(some[i%len(some)]) {
						b.Fatal("a key is missing")
					}
					i++
				}
			})
			b.Run("miss", func(b *testing.B) {
				var key part.Key
				r := rand.NewChaCha8([32]byte{2})
				for b.Loop() {
					r.Read(key[:])
					if k.has(key) {
						b.Fatal("a key is found that is not there")
					}
				}
			})
		})
	}
}
