package cpu

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steelyard-ml/steelyard/model/checkpoint"
)

// A completion has the bits that it has alone in every pair and in every set of its prompt, of 4 or 7 completions, in any order, and also
// where it stands in a set twice.
func TestSetsHaveTheBitsOfEachAlone(t *testing.T) {
	lengths := []int{1, 5, 16, 63, 64, 65, 17} // up to, at and past the ends of attention's blocks
	for _, s := range everyKind {
		t.Run(s.name, func(t *testing.T) {
			e := s.scorer(t, randomWeights(s.model(), 3), checkpoint.F32, Options{})
			r := rand.New(rand.NewPCG(7, 4))
			ids := func(n int) []int32 {
				out := make([]int32, n)
				for i := range out {
					out[i] = int32(r.IntN(s.cfg.Vocab))
				}
				return out
			}
			other := sample{ids(3), [][]int32{ids(2), ids(9)}}
			prompt := ids(67)
			var completions [][]int32
			var alone [][]float32
			for _, n := range lengths {
				completions = append(completions, ids(n))
				alone = append(alone, score(t, e, batchOf(sample{prompt, completions[len(completions)-1:]}), 0).Logp)
			}
			check := func(of ...int) {
				t.Helper()
				set := sample{prompt: prompt}
				for _, i := range of {
					set.completions = append(set.completions, completions[i])
				}
				b := batchOf(other, set, other)
				got := score(t, e, b, 0).Logp
				got = got[11 : len(got)-11]
				for _, i := range of {
					n := len(completions[i])
					if diff := cmp.Diff(alone[i], got[:n]); diff != "" {
						t.Errorf("completion %d in the set %v (-alone +here):\n%s", i, of, diff)
					}
					got = got[n:]
				}
			}
			for i := range lengths {
				for j := range i {
					check(i, j)
				}
			}
			for range 3 {
				check(r.Perm(len(lengths))[:4]...)
				check(r.Perm(len(lengths))...)
			}
			check(3, 0, 3, 6)
		})
	}
}
