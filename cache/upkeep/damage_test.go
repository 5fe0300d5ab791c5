package upkeep_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/cache/cachetest"
	"github.com/steelyard-ml/steelyard/cache/upkeep"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// readAll reads the newest view as training does.
func readAll(st storage.Store, index string) ([]schemas.CachedPair, error) {
	s, err := cache.Open(ctx, st)
	if err != nil {
		return nil, err
	}
	if _, err := s.ViewInfo(""); err != nil {
		return nil, err
	}
	x, err := s.Index(ctx, "", index)
	if err != nil {
		return nil, err
	}
	defer x.Close()
	r := s.Rows(x)
	defer r.Close()
	var out []schemas.CachedPair
	for i := range x.Len() {
		p, err := r.At(ctx, i)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// sameRows says how rows differ; nil and empty lists are the same.
func sameRows(want, got []schemas.CachedPair) string {
	return cmp.Diff(want, got, cmpopts.EquateEmpty())
}

// offsets is in how many places of a file a bit is flipped. Raised beyond the size of the files it takes minutes, and finds as little.
const offsets = 30

// A bit that is flipped anywhere in any file of a snapshot, and a file that is cut anywhere, is found, by the file's name. Whoever reads such
// a cache gets an error or the right rows, never others.
func TestDamageAnywhere(t *testing.T) {
	t.Parallel()
	for _, tokens := range []bool{true, false} {
		rows := cachetest.Pairs(9)
		if !tokens {
			for i := range rows {
				rows[i].RefChosenTokenLogps, rows[i].RefRejectedTokenLogps = nil, nil
			}
		}
		st := cachetest.Local(t, t.TempDir())
		claim := cachetest.Begin(t, st, cachetest.Run("r1"))
		o := cachetest.Options("r1")
		o.TokenLogps = tokens
		cachetest.Do(t, st, cachetest.Commit("r1", claim.Base, cachetest.Stage(t, st, o, rows, 5)))
		cachetest.Number(t, st)
		want := cachetest.InOrder(rows)
		snapshot := cachetest.Objects(t, st, "manifests/")[0]
		for _, path := range []string{part0, keys0, view0, info, "manifest.json", snapshot, "runs/r1.json"} {
			t.Run(fmt.Sprintf("%s tokens %v", filepath.Base(path), tokens), func(t *testing.T) {
				good, err := os.ReadFile(st.URL(path))
				if err != nil {
					t.Fatal(err)
				}
				defer os.WriteFile(st.URL(path), good, 0o666)
				check := func(what string, bad []byte) {
					if err := os.WriteFile(st.URL(path), bad, 0o666); err != nil {
						t.Fatal(err)
					}
					report, err := upkeep.Verify(ctx, st, upkeep.VerifyOptions{})
					named := slices.ContainsFunc(report.Faults, func(f upkeep.Fault) bool { return f.File == st.URL(path) })
					// A record is no part of a snapshot; what of it can still be read is taken as it is.
					if err != nil || !named && !strings.HasPrefix(path, "runs/") {
						t.Errorf("%s: verify found %v, %v", what, report.Faults, err)
					}
					got, err := readAll(st, filepath.Join(t.TempDir(), "index"))
					if err == nil {
						if diff := sameRows(want, got); diff != "" {
							t.Errorf("%s is read as other rows: %s", what, diff)
						}
					}
				}
				step := max(1, len(good)/offsets)
				for i := 0; i < len(good); i += step {
					bad := slices.Clone(good)
					bad[i] ^= 1 << (i / step % 8)
					check(fmt.Sprintf("bit %d of byte %d flipped", i/step%8, i), bad)
				}
				for n := 0; n < len(good); n += max(1, 4*step) {
					check(fmt.Sprintf("cut to %d bytes", n), good[:n])
				}
				check("with a byte more", append(slices.Clone(good), 0))
			})
		}
	}
}
