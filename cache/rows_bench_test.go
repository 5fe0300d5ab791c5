package cache_test

import (
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/cache/cachetest"
	"github.com/steelyard-ml/steelyard/cache/perm"
	"github.com/steelyard-ml/steelyard/schemas"
)

// textPair returns a scored pair whose ids are as unevenly spread as those of text, of 280 tokens a list on average.
func textPair(r *rand.Rand, src schemas.Source) schemas.CachedPair {
	spread := rand.NewZipf(r, 1.1, 8, 49_151)
	list := func() []int32 {
		out := make([]int32, 80+r.IntN(400))
		for i := range out {
			out[i] = int32(spread.Uint64())
		}
		return out
	}
	var p schemas.CachedPair
	p.PromptIDs, p.ChosenIDs, p.RejectedIDs = list(), list(), list()
	p.ID = cache.PairID(p.PromptIDs, p.ChosenIDs, p.RejectedIDs)
	p.RefChosenTokenLogps, p.RefChosenLogps = cachetest.Logps(r, len(p.ChosenIDs))
	p.RefRejectedTokenLogps, p.RefRejectedLogps = cachetest.Logps(r, len(p.RejectedIDs))
	p.Source = src
	return p
}

// BenchmarkRows reads a view of 16,384 rows, 93 MB decoded, in 16 row groups. An op is a row.
func BenchmarkRows(b *testing.B) {
	const rows = 16_384
	st := local(b, b.TempDir())
	begin(b, st, newRun("r1"))
	r := rand.New(rand.NewPCG(1, 1))
	o := options("r1")
	o.PartRows = rows / 2
	all := make([]schemas.CachedPair, rows)
	for i := range all {
		all[i] = textPair(r, schemas.Source{Pos: int64(i)})
	}
	done := stage(b, st, o, all, rows)
	all = nil
	do(b, st, done)
	s, err := cache.Open(ctx, st)
	if err != nil {
		b.Fatal(err)
	}
	x, err := s.Index(ctx, "", filepath.Join(b.TempDir(), "x"))
	if err != nil {
		b.Fatal(err)
	}
	defer x.Close()
	shuffled := perm.New(1, rows)
	for _, c := range []struct {
		name  string
		bytes int64 // budget of decoded groups
		order func(int) int
	}{
		{"order=sequential/room=16MiB", 16 << 20, func(i int) int { return i }},
		{"order=random/room=16MiB", 16 << 20, shuffled.At},
		{"order=random/room=64MiB", 64 << 20, shuffled.At},
		{"order=random/room=256MiB", 256 << 20, shuffled.At},
	} {
		b.Run(c.name, func(b *testing.B) {
			rd := s.Rows(x)
			defer rd.Close()
			rd.SetLimits(c.bytes, 64)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if _, err := rd.At(ctx, c.order(i%rows)); err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
	}
}
