package cache_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
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

// write writes a document into a store.
func write(t testing.TB, st storage.Store, name string, v any) {
	t.Helper()
	b, err := json.Marshal(v)
	if err == nil {
		err = errors.Join(os.MkdirAll(filepath.Dir(st.URL(name)), 0o777), os.WriteFile(st.URL(name), b, 0o666))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A launch is what precompute does with rows, by hand: claim, score what the snapshot lacks, commit.
type launch struct {
	id     string
	rows   []schemas.CachedPair
	bundle int
	part   int64 // rows of a part; 0: as many as there are
	until  int   // rows after which it dies; 0: it lives
}

// scored is what launches scored, by pair.
type scored map[schemas.PairID]int

// run runs a launch; one that dies leaves what a killed process leaves. It returns the manifest of one that lives, and its claim.
func (l launch) run(t testing.TB, st storage.Store, n scored) (schemas.Manifest, *cache.Claim) {
	t.Helper()
	claim := begin(t, st, newRun(l.id))
	done := l.stage(t, st, claim.Base, n)
	if l.until > 0 {
		return schemas.Manifest{}, claim
	}
	c := commit(done)
	c.Run, c.Base = newRun(l.id), claim.Base
	m, run, err := c.Do(ctx, st)
	if err != nil || run.State != schemas.RunDone {
		t.Fatalf("commit: %+v, %v", run, err)
	}
	return m, claim
}

// stage stages the rows of a launch over a snapshot.
func (l launch) stage(t testing.TB, st storage.Store, base string, n scored) (done []cache.Done) {
	t.Helper()
	known := &cache.Known{}
	if base != "" {
		s, err := cache.OpenDigest(ctx, st, base)
		if err != nil {
			t.Fatal(err)
		}
		if known, err = s.Known(ctx); err != nil {
			t.Fatal(err)
		}
		defer known.Close()
	}
	o := options(l.id)
	o.PartRows = l.part
	rows, passed := l.rows, 0
	for len(rows) > 0 {
		s := cache.NewSink(st, o)
		k := min(l.bundle, len(rows))
		for _, p := range rows[:k] {
			if passed++; l.until > 0 && passed > l.until {
				return nil // the sink is never closed or aborted
			}
			var err error
			if known.Has(p.ID) {
				err = s.Reuse(ctx, p.TokenPair)
			} else {
				n[p.ID]++
				err = s.Write(ctx, p)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		d, err := s.Close(ctx)
		if err != nil {
			t.Fatal(err)
		}
		rows, done = rows[k:], append(done, d)
	}
	return done
}

// wantRows wants the newest view to have exactly these rows, and nothing to be wrong with the cache.
func wantRows(t testing.TB, st storage.Store, rows []schemas.CachedPair) {
	t.Helper()
	if diff := cmp.Diff(inOrder(rows), read(t, st), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("rows: want -, got +:\n%s", diff)
	}
	report, err := upkeep.Verify(ctx, st, upkeep.VerifyOptions{})
	if err != nil || !report.OK() {
		t.Errorf("verify: %+v, %v", report, err)
	}
}

// wantNothingLeft wants every file of a store to be one that a cache has for a reason.
func wantNothingLeft(t testing.TB, st storage.Store, m schemas.Manifest) {
	t.Helper()
	named := map[string]bool{".lock": true, "manifest.json": true}
	for _, p := range m.Parts {
		named[p.Path], named[p.Keys.Path] = true, true
	}
	for _, v := range m.Views {
		named[v.Info.Path] = true
		for _, p := range v.Parts {
			named[p.Path] = true
		}
	}
	for path := range paths(t, st.URL("")) {
		if !named[path] && !strings.HasPrefix(path, "manifests/") && !strings.HasPrefix(path, "runs/") && !strings.HasPrefix(path, "quarantine/") {
			t.Errorf("%s is left", path)
		}
	}
	if entries, err := os.ReadDir(st.URL("tmp")); err == nil && len(entries) > 0 {
		t.Errorf("tmp/ is left, with %v", entries)
	}
}

// paths returns the path of every file of a directory.
func paths(t testing.TB, dir string) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			out[rel] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// An edited data set, run into the same cache: only new pairs are scored, the newest view is the data set, and the older views stay.
func TestAppend(t *testing.T) {
	st, n := local(t, t.TempDir()), scored{}
	first := pairs(20)
	m1, claim := launch{id: "r1", rows: first, bundle: 6}.run(t, st, n)
	if claim.Base != "" || len(claim.Adopted) > 0 {
		t.Errorf("claim %+v", claim)
	}
	wantRows(t, st, first)
	s1, err := cache.Open(ctx, st)
	if err != nil {
		t.Fatal(err)
	}

	var edited []schemas.CachedPair
	for i, p := range first {
		switch i {
		case 3, 4: // deleted
			continue
		case 5: // changed
			p = pair(1000, 20, p.Source)
		}
		p.Source = schemas.Source{Pos: int64(len(edited)) * 7}
		edited = append(edited, p)
	}
	edited = append(edited, pair(1001, 20, schemas.Source{File: 1}), first[0], first[2]) // added, repeated
	edited[len(edited)-2].Source, edited[len(edited)-1].Source = schemas.Source{File: 1, Pos: 5}, schemas.Source{File: 1, Pos: 9}
	slices.Reverse(edited) // reordered
	for i := range edited {
		edited[i].Source = schemas.Source{Pos: int64(i)}
	}
	before := maps.Clone(n)
	m2, _ := launch{id: "r2", rows: edited, bundle: 5}.run(t, st, n)
	for id, k := range n {
		if was := before[id]; was > 0 && k != was {
			t.Errorf("pair %s was scored again", id)
		}
	}
	if got := len(n) - len(before); got != 2 {
		t.Errorf("%d new pairs were scored, want 2", got)
	}
	wantRows(t, st, edited)
	if m2.Previous != s1.Digest() || len(m2.Views) != 2 || !cmp.Equal(m2.Parts[:len(m1.Parts)], m1.Parts) || m2.Views[1].Name != "r2" {
		t.Errorf("manifest %+v", m2)
	}
	o, err := upkeep.Status(ctx, st)
	if err != nil || o.Runs[1].Counts.Rows != int64(len(edited)) || o.Runs[1].Counts.Scored != 2 || o.Runs[1].Counts.Reused != int64(len(edited)-2) {
		t.Errorf("counts %+v, %v", o.Runs[1].Counts, err)
	}

	// Nothing new, and nothing at all.
	m3, _ := launch{id: "r3", rows: edited, bundle: 50}.run(t, st, n)
	if !cmp.Equal(m3.Parts, m2.Parts) {
		t.Errorf("a run without new pairs added parts: %v", cmp.Diff(m2.Parts, m3.Parts))
	}
	wantRows(t, st, edited)
	m4, _ := launch{id: "r4", bundle: 1}.run(t, st, n)
	wantRows(t, st, nil)
	wantNothingLeft(t, st, m4)

	// Who opened a snapshot before keeps it.
	for _, s := range []*cache.Snapshot{s1, must(cache.OpenDigest(ctx, st, s1.Digest()))} {
		x, err := s.Index(ctx, "", filepath.Join(t.TempDir(), "index"))
		if err != nil {
			t.Fatal(err)
		}
		if x.Len() != len(first) {
			t.Errorf("the first snapshot has %d rows now, want %d", x.Len(), len(first))
		}
		x.Close()
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// What dead runs finished is in the cache once the next run begins, and is not scored again; what they left otherwise is gone.
func TestAdopt(t *testing.T) {
	rows := pairs(40)
	st, n := local(t, t.TempDir()), scored{}
	launch{id: "r1", rows: rows[:30], bundle: 10, part: 4, until: 27}.run(t, st, n)
	launch{id: "r2", rows: rows, bundle: 40, part: 3, until: 36}.run(t, st, n)
	before := maps.Clone(n)
	m, claim := launch{id: "r3", rows: rows, bundle: 8}.run(t, st, n)
	wantRows(t, st, rows)
	wantNothingLeft(t, st, m)
	// r1 closed bundles of 10 rows, 9 of them distinct at most: parts of 4, 4 and 1 or 2; the third bundle died with one part of 4 closed.
	// r2 adopted that and closed parts of 3.
	if len(claim.Adopted) != 1 || claim.Adopted[0].Run != "r2" {
		t.Errorf("r3 adopted %+v", claim.Adopted)
	}
	lost := 0
	for id, k := range n {
		if k > before[id] && before[id] > 0 {
			lost++
		}
		if k > 2 && id != rows[0].ID { // which comes again and again
			t.Errorf("pair %s was scored %d times", id, k)
		}
	}
	if lost > 3 {
		t.Errorf("%d pairs that r2 had scored were scored again, want at most its open part of 3", lost)
	}
	o := must(upkeep.Status(ctx, st))
	for i, want := range []schemas.RunState{schemas.RunFailed, schemas.RunFailed, schemas.RunDone} {
		if o.Runs[i].State != want {
			t.Errorf("run %s is recorded as %s, want %s", o.Runs[i].ID, o.Runs[i].State, want)
		}
	}
	if got := o.Runs[1].Adopted; len(got) != 1 || got[0].Run != "r1" || got[0].Parts < 2 || got[0].Rows < 8 {
		t.Errorf("r2 adopted %+v", got)
	}
	if !strings.Contains(o.Runs[0].Why, "ended before it was done") {
		t.Errorf("r1 failed of %q", o.Runs[0].Why)
	}
}

// A part of which a dead run's receipt, values or keys are not whole is no part: it is named, and its pairs are scored again.
func TestAdoptDamaged(t *testing.T) {
	rows := pairs(12)
	for _, kind := range []string{"values", "keys", "receipt"} {
		for name, harm := range map[string]func(path string) error{
			"gone":    os.Remove,
			"cut":     func(p string) error { return os.Truncate(p, 7) },
			"emptied": func(p string) error { return os.Truncate(p, 0) },
			"flipped": func(p string) error {
				b, err := os.ReadFile(p)
				b[len(b)/2] ^= 1
				return errors.Join(err, os.WriteFile(p, b, 0o666))
			},
		} {
			t.Run(kind+" "+name, func(t *testing.T) {
				st, n := local(t, t.TempDir()), scored{}
				claim := begin(t, st, newRun("r1"))
				done := launch{id: "r1", rows: rows, bundle: 6}.stage(t, st, claim.Base, n)
				if err := harm(st.URL(stagedFile(kind, done[0].Values[0]))); err != nil {
					t.Fatal(err)
				}
				before := maps.Clone(n)
				m, claim := launch{id: "r2", rows: rows, bundle: 6}.run(t, st, n)
				wantRows(t, st, rows)
				wantNothingLeft(t, st, m)
				again := 0
				for id, k := range n {
					again += k - before[id]
				}
				lost := int(done[0].Values[0].Rows)
				if again < lost-1 || again > lost { // a pair of the first part is in the second as well
					t.Errorf("%d pairs were scored again, the damaged part has %d", again, lost)
				}
				if kind == "receipt" && name == "gone" {
					return // nobody says that there was a part
				}
				if len(claim.Dropped) != 1 || !strings.Contains(claim.Dropped[0], st.URL("tmp/r1")) {
					t.Errorf("dropped: %q", claim.Dropped)
				}
			})
		}
	}
}

// A commit or an adoption that is killed before any of its writes, and even the adoption of its parts being killed again: the next run has
// every row, and scores nothing that was finished.
func TestNothingFinishedIsScoredTwice(t *testing.T) {
	rows := pairs(14)
	for kill := 0; ; kill++ {
		if kill > 200 {
			t.Fatal("the commit is never done")
		}
		st, n := local(t, filepath.Join(t.TempDir(), fmt.Sprint(kill))), scored{}
		claim := begin(t, st, newRun("r1"))
		c := commit(launch{id: "r1", rows: rows, bundle: 7}.stage(t, st, claim.Base, n))
		left := kill
		_, _, err := c.Do(ctx, cachetest.Flaky{Store: st, Left: &left})
		if err != nil && !errors.Is(err, cachetest.ErrKilled) {
			t.Fatal(err)
		}
		before := maps.Clone(n)
		// The next launcher is killed while it begins, as often as it takes to begin.
		for again := 0; ; again++ {
			left := again
			claim, err := cache.Begin(ctx, cachetest.Flaky{Store: st, Left: &left}, newRun(fmt.Sprintf("r2-%03d", again)))
			if err == nil {
				claim.Release()
				break
			}
			if !errors.Is(err, cachetest.ErrKilled) {
				t.Fatalf("killed before write %d, then %d: %v", kill, again, err)
			}
		}
		m, _ := launch{id: "r3", rows: rows, bundle: 5}.run(t, st, n)
		if !maps.Equal(before, n) {
			t.Errorf("killed before write %d: pairs were scored again", kill)
		}
		wantRows(t, st, rows)
		wantNothingLeft(t, st, m)
		if t.Failed() || err == nil {
			break
		}
	}
}

// Two launchers without a lock between them, as on a file system that has none: the one that commits first wins. The other says so, and
// what it scored is adopted by the next run.
func TestRivals(t *testing.T) {
	rows := pairs(30)
	for _, grown := range []bool{false, true} {
		st, n := local(t, t.TempDir()), scored{}
		if grown {
			launch{id: "r0", rows: rows[:5], bundle: 5}.run(t, st, n)
		}
		a := begin(t, st, newRun("r1"))
		os.Remove(st.URL(".lock"))
		b := begin(t, st, newRun("r2"))
		doneA := launch{id: "r1", rows: rows[:20], bundle: 7}.stage(t, st, a.Base, n)
		doneB := launch{id: "r2", rows: rows[10:], bundle: 4}.stage(t, st, b.Base, n)
		ca, cb := commit(doneA), commit(doneB)
		ca.Base, cb.Base, cb.Run = a.Base, b.Base, newRun("r2")

		// r1 is held before it writes the manifest, when its parts have their final names.
		held := &holding{Store: st, reached: make(chan struct{}), let: make(chan struct{})}
		type result struct {
			run schemas.Run
			err error
		}
		lost := make(chan result)
		go func() {
			_, run, err := ca.Do(ctx, held)
			lost <- result{run, err}
		}()
		<-held.reached
		if _, run, err := cb.Do(ctx, st); err != nil || run.State != schemas.RunDone {
			t.Fatalf("the faster run: %+v, %v", run, err)
		}
		wantRows(t, st, rows[10:])
		close(held.let)
		r := <-lost
		if r.err != nil || r.run.State != schemas.RunFailed || !strings.Contains(r.run.Why, "the run r2 was faster") || !strings.Contains(r.run.Why, "run the same command again") {
			t.Fatalf("the slower run: %+v, %v", r.run, r.err)
		}
		// Once more, and it is known from the start.
		if _, run, err := ca.Do(ctx, st); err != nil || run.State != schemas.RunFailed {
			t.Errorf("the slower run again: %+v, %v", run, err)
		}
		wantRows(t, st, rows[10:])

		before := maps.Clone(n)
		m, claim := launch{id: "r3", rows: rows[:20], bundle: 7}.run(t, st, n)
		if !maps.Equal(before, n) {
			t.Error("the next run scored pairs that the slower one had scored")
		}
		if len(claim.Adopted) != 1 || claim.Adopted[0].Run != "r1" {
			t.Errorf("adopted %+v", claim.Adopted)
		}
		wantRows(t, st, rows[:20])
		wantNothingLeft(t, st, m)
	}
}

// holding is a store that stops before the manifest is replaced until it is let go on.
type holding struct {
	storage.Store
	reached, let chan struct{}
}

func (h *holding) Create(c context.Context, name string, cond storage.Condition) (storage.Writer, error) {
	if name == "manifest.json" {
		close(h.reached)
		<-h.let
	}
	return h.Store.Create(c, name, cond)
}

// Two attempts at the commit of one run, each with parts of its own, as on runners that run a bundle again while its first attempt still
// lives: one of them is the cache, whole, and both say that the run is done.
func TestTwoAttemptsAtACommit(t *testing.T) {
	rows := pairs(20)
	st, n := local(t, t.TempDir()), scored{}
	begin(t, st, newRun("r1"))
	first := launch{id: "r1", rows: rows, bundle: 6}.stage(t, st, "", n)
	second := launch{id: "r1", rows: rows, bundle: 9}.stage(t, st, "", n)
	held := &holding{Store: st, reached: make(chan struct{}), let: make(chan struct{})}
	zombie := make(chan error)
	go func() {
		_, run, err := commit(first).Do(ctx, held)
		if err == nil && run.State != schemas.RunDone {
			err = fmt.Errorf("the zombie's run is %+v", run)
		}
		zombie <- err
	}()
	<-held.reached
	m := do(t, st, second)
	wantRows(t, st, rows)
	close(held.let)
	if err := <-zombie; err != nil {
		t.Error(err)
	}
	wantRows(t, st, rows)
	wantNothingLeft(t, st, m)
}
