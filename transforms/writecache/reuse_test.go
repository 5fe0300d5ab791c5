package writecache

import (
	"slices"
	"testing"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/cache/upkeep"
	"github.com/steelyard-ml/steelyard/schemas"
)

// split gives the rows from..to-1 to a splitFn and returns the positions of both sides.
func split(t *testing.T, o Options, from, to int64) (lacking, has []int64) {
	t.Helper()
	f := &splitFn{Options: o}
	f.Setup()
	for pos := from; pos < to; pos++ {
		err := f.ProcessElement(t.Context(), scored(pos).TokenPair,
			func(p schemas.TokenPair) { lacking = append(lacking, p.Source.Pos) },
			func(p schemas.TokenPair) { has = append(has, p.Source.Pos) })
		if err != nil {
			t.Fatal(err)
		}
	}
	return lacking, has
}

// A run over a cache: what its snapshot has is told from what it lacks, and both make the view; bundles of either kind may run again.
func TestGrowing(t *testing.T) {
	o := options(t)
	st := begin(t, o)
	if lacking, has := split(t, o, 0, 3); len(lacking) != 3 || has != nil {
		t.Errorf("a new cache has %v and lacks %v", has, lacking)
	}
	if err := commit(t.Context(), commitOptions(o), write(t, &pairsFn{bundle{Options: o}}, 0, 6, true)); err != nil {
		t.Fatal(err)
	}
	snap, err := cache.Open(t.Context(), st)
	if err != nil {
		t.Fatal(err)
	}

	o.Sink.Run, o.Base = "run2", snap.Digest()
	begin(t, o)
	lacking, has := split(t, o, 2, 9)
	if !slices.Equal(lacking, []int64{6, 7, 8}) || !slices.Equal(has, []int64{2, 3, 4, 5}) {
		t.Fatalf("the snapshot has %v and lacks %v", has, lacking)
	}
	reuse := func(f *reusedFn, finish bool) (done []cache.Done) {
		emit := func(d cache.Done) { done = append(done, d) }
		f.StartBundle(t.Context(), emit)
		for _, pos := range has {
			if err := f.ProcessElement(t.Context(), scored(pos).TokenPair, emit); err != nil {
				t.Error(err)
			}
		}
		if finish {
			if err := f.FinishBundle(t.Context(), emit); err != nil {
				t.Error(err)
			}
		}
		return done
	}
	f := &reusedFn{bundle{Options: o}}
	reuse(f, false) // abandoned
	reuse(f, true)  // a zombie, whose word is not taken
	done := reuse(&reusedFn{bundle{Options: o}}, true)
	done = append(done, write(t, &pairsFn{bundle{Options: o}}, 6, 9, true)...)
	c := commitOptions(o)
	c.Base = o.Base
	for range 2 {
		if err := commit(t.Context(), c, done); err != nil {
			t.Fatal(err)
		}
		if got := positions(t, st); !slices.Equal(got, []int64{2, 3, 4, 5, 6, 7, 8}) {
			t.Errorf("the view has rows %v, want 2 to 8", got)
		}
	}
	status, err := upkeep.Status(t.Context(), st)
	if err != nil || status.Runs[1].Counts.Reused != 4 || status.Runs[1].Counts.Scored != 2 || len(status.Staged) > 0 {
		t.Errorf("counts %+v, staged %v, %v", status.Runs[1].Counts, status.Staged, err)
	}
	if err := Forget(o); err != nil {
		t.Error(err)
	}
}

// A run whose cache another has changed is recorded as failed; its bundle is not, or a runner would try it again.
func TestFasterRun(t *testing.T) {
	o := options(t)
	st := begin(t, o)
	done := write(t, &pairsFn{bundle{Options: o}}, 0, 3, true)
	other := o
	other.Sink.Run = "other"
	if err := commit(t.Context(), commitOptions(other), nil); err != nil {
		t.Fatal(err)
	}
	if err := commit(t.Context(), commitOptions(o), done); err != nil {
		t.Fatal(err)
	}
	status, err := upkeep.Status(t.Context(), st)
	if err != nil || len(status.Views) != 1 {
		t.Fatalf("views %v, %v", status.Views, err)
	}
	for _, r := range status.Runs {
		if want := map[string]schemas.RunState{"run": schemas.RunFailed, "other": schemas.RunDone}[r.ID]; r.State != want {
			t.Errorf("run %s is recorded as %s: %s", r.ID, r.State, r.Why)
		}
	}
}
