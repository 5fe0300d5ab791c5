package upkeep_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/cache/cachetest"
	"github.com/steelyard-ml/steelyard/cache/upkeep"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// present is when the tests take place; days are counted back from it.
var present = time.Now().UTC().Truncate(time.Second)

func daysAgo(n float64) time.Time { return present.Add(-time.Duration(n * 24 * float64(time.Hour))) }

// runAt is a run that started and ended then.
func runAt(id string, at time.Time) schemas.Run {
	run := cachetest.Run(id)
	run.Started, run.Finished = at, at
	return run
}

// grow runs a run that writes every row, and returns the digest of the snapshot that it makes.
func grow(t testing.TB, st storage.Store, run schemas.Run, rows []schemas.CachedPair) string {
	t.Helper()
	claim := cachetest.Begin(t, st, run)
	c := cachetest.Commit(run.ID, claim.Base, cachetest.Stage(t, st, cachetest.Options(run.ID), rows, 6))
	c.Run = run
	cachetest.Do(t, st, c)
	return newest(t, st)
}

func open(t testing.TB, st storage.Store) *cache.Snapshot {
	t.Helper()
	s, err := cache.Open(ctx, st)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newest(t testing.TB, st storage.Store) string { return open(t, st).Digest() }

func manifestOf(t testing.TB, st storage.Store) schemas.Manifest { return open(t, st).Manifest() }

// without makes a snapshot that lacks the view and the parts of a run.
func without(t testing.TB, st storage.Store, run string, at time.Time) string {
	t.Helper()
	was := newest(t, st)
	cachetest.Edit(t, st, func(m map[string]any) {
		m["previous"], m["created"] = was, at
		of := func(key string) func(any) bool { return func(v any) bool { return v.(map[string]any)[key] == run } }
		m["parts"] = slices.DeleteFunc(m["parts"].([]any), of("run"))
		m["views"] = slices.DeleteFunc(m["views"].([]any), of("name"))
	})
	return newest(t, st)
}

// readable wants a snapshot to open and its newest view to have these rows.
func readable(t testing.TB, st storage.Store, digest string, rows []schemas.CachedPair) {
	t.Helper()
	s, err := cache.OpenDigest(ctx, st, digest)
	if err != nil {
		t.Error(err)
		return
	}
	x, err := s.Index(ctx, "", filepath.Join(t.TempDir(), "index"))
	if err != nil {
		t.Error(err)
		return
	}
	defer x.Close()
	r := s.Rows(x)
	defer r.Close()
	var got []schemas.CachedPair
	for i := range x.Len() {
		p, err := r.At(ctx, i)
		if err != nil {
			t.Error(err)
			return
		}
		got = append(got, p)
	}
	if diff := sameRows(cachetest.InOrder(rows), got); diff != "" {
		t.Errorf("snapshot %s: want -, got +:\n%s", digest, diff)
	}
}

// wantSound wants nothing to be wrong with a cache.
func wantSound(t testing.TB, st storage.Store) {
	t.Helper()
	report, err := upkeep.Verify(ctx, st, upkeep.VerifyOptions{})
	if err != nil || !report.OK() {
		t.Errorf("verify: %v, %v", report.Faults, err)
	}
}

// old makes a cache with a history: a run's data that is in no newer snapshot, runs that failed and that died, and what they left.
//
//	30 days ago r1, 20 days ago r2, 19 days ago r1 was dropped, 10 days ago r3; the digests are of those four
//	25 days ago f1 failed, 5 days ago f2; both left parts and quarantine
func old(t testing.TB, dir string) (st storage.Store, digests []string) {
	t.Helper()
	st = cachetest.Local(t, dir)
	rows := cachetest.Pairs(24)
	digests = append(digests, grow(t, st, runAt("r1", daysAgo(30)), rows[:8]))
	digests = append(digests, grow(t, st, runAt("r2", daysAgo(20)), rows[4:14]))
	digests = append(digests, without(t, st, "r1", daysAgo(19)))
	digests = append(digests, grow(t, st, runAt("r3", daysAgo(10)), rows[8:20]))
	// One that was never in force.
	was, err := os.ReadFile(st.URL("manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	cachetest.Edit(t, st, func(m map[string]any) { m["created"] = daysAgo(1) })
	if err := os.WriteFile(st.URL("manifest.json"), was, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, run := range []schemas.Run{runAt("f1", daysAgo(25)), runAt("f2", daysAgo(5))} {
		s := cache.NewSink(st, cachetest.Options(run.ID))
		if err := s.Quarantine(ctx, schemas.Quarantined{Code: schemas.CodeBadJSON}); err != nil {
			t.Fatal(err)
		}
		done := append(cachetest.Stage(t, st, cachetest.Options(run.ID), rows[20:], 2), cachetest.Write(t, s, nil))
		// Its commit moves the quarantine and a part, and dies.
		c := cachetest.Commit(run.ID, newest(t, st), done)
		c.Run, c.MaxQuarantine = run, 1
		left := 2
		if _, _, err := c.Do(ctx, cachetest.Flaky{Store: st, Left: &left}); !errors.Is(err, cachetest.ErrKilled) {
			t.Fatal(err)
		}
		if err := cache.Fail(ctx, st, run, errors.New("the disk is full")); err != nil {
			t.Fatal(err)
		}
	}
	return st, digests
}

// files lists what Collect should leave: every file for which keep says so.
func files(t testing.TB, st storage.Store, keep func(path string) bool) (kept, gone []string) {
	for _, path := range cachetest.Objects(t, st, "") {
		if keep(path) {
			kept = append(kept, path)
		} else {
			gone = append(gone, path)
		}
	}
	return kept, gone
}

func hasAny(path string, parts ...string) bool {
	return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(path, p) })
}

// ofRun goes by whole names: what is random in that of a part may hold any run's.
func ofRun(path, run string) bool {
	return hasAny(path, "/"+run+".json", "/"+run+"/", "part-"+run+"-")
}

func TestCollect(t *testing.T) {
	t.Parallel()
	rows := cachetest.Pairs(24)
	for _, c := range []struct {
		name string
		keep time.Duration
		kept int // of the four snapshots, the newest
		gone []string
	}{
		// r2 gave way to the one without r1 19 days ago, that to r3 10 days ago.
		{"14 days", upkeep.DefaultKeep, 2, []string{"r1", "f1"}},
		{"19 days and a half", 19*24*time.Hour + 12*time.Hour, 3, []string{"f1"}},
		{"all", 40 * 24 * time.Hour, 4, nil},
		{"the newest alone", 0, 1, []string{"r1", "f1", "f2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			st, digests := old(t, t.TempDir())
			recent := digests[len(digests)-c.kept:]
			kept, gone := files(t, st, func(path string) bool {
				switch {
				case strings.HasPrefix(path, "manifests/"):
					return hasAny(path, recent...)
				case strings.HasPrefix(path, "runs/r") || strings.HasPrefix(path, "."):
					return path != "runs/r1.json" || c.kept > 2
				}
				return !slices.ContainsFunc(c.gone, func(run string) bool { return ofRun(path, run) })
			})
			before := tree(t, st.URL(""))
			o := upkeep.CollectOptions{Keep: c.keep, Now: present, DryRun: true}
			would, err := upkeep.Collect(ctx, st, o)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, tree(t, st.URL(""))); diff != "" {
				t.Errorf("a dry run changed: %s", diff)
			}
			o.DryRun = false
			did, err := upkeep.Collect(ctx, st, o)
			if err != nil || did.Digest != digests[3] || did.Kept != c.kept {
				t.Fatalf("%+v, %v", did, err)
			}
			if diff := cmp.Diff(would, did); diff != "" {
				t.Errorf("the dry run found -, removed was +:\n%s", diff)
			}
			if diff := cmp.Diff(kept, cachetest.Objects(t, st, "")); diff != "" {
				t.Errorf("want -, got +:\n%s", diff)
			}
			var removed []string
			bytes := int64(0)
			for _, x := range did.Removed {
				removed = append(removed, x.Path)
				bytes += int64(len(before[x.Path]))
				if x.Why == "" {
					t.Errorf("%s goes for no reason", x.Path)
				}
			}
			slices.Sort(removed)
			if diff := cmp.Diff(gone, removed); diff != "" || bytes != did.Bytes {
				t.Errorf("%d bytes, reported %d; want -, removed +:\n%s", bytes, did.Bytes, diff)
			}
			wantSound(t, st)
			ends := [][2]int{{0, 8}, {4, 14}, {4, 14}, {8, 20}}
			for i, d := range digests {
				if slices.Contains(recent, d) {
					readable(t, st, d, rows[ends[i][0]:ends[i][1]])
				} else if _, err := cache.OpenDigest(ctx, st, d); !errors.Is(err, cache.ErrNoCache) {
					t.Errorf("snapshot %d that is gone: %v", i, err)
				}
			}
			again, err := upkeep.Collect(ctx, st, o)
			if err != nil || len(again.Removed) > 0 || again.Kept != c.kept {
				t.Errorf("again: %+v, %v", again, err)
			}
		})
	}
}

// tree returns every file of a directory with its content.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		out[rel] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	delete(out, ".lock")
	return out
}

func copyTree(t testing.TB, from, to string) storage.Store {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return cachetest.Local(t, to)
}

// Killed before any of its writes, Collect leaves a sound cache whose recent snapshots can be read, and done again it ends as one that was
// never killed.
func TestCollectSurvivesAKillAnywhere(t *testing.T) {
	t.Parallel()
	rows := cachetest.Pairs(24)
	dir := t.TempDir()
	st, digests := old(t, filepath.Join(dir, "old"))
	o := upkeep.CollectOptions{Keep: upkeep.DefaultKeep, Now: present}
	whole := copyTree(t, st.URL(""), filepath.Join(dir, "whole"))
	if _, err := upkeep.Collect(ctx, whole, o); err != nil {
		t.Fatal(err)
	}
	want := tree(t, whole.URL(""))
	for kill := 0; ; kill++ {
		at := copyTree(t, st.URL(""), filepath.Join(dir, fmt.Sprint(kill)))
		left := kill
		_, err := upkeep.Collect(ctx, cachetest.Flaky{Store: at, Left: &left}, o)
		wantSound(t, at)
		readable(t, at, digests[3], rows[8:20])
		readable(t, at, digests[2], rows[4:14])
		for _, d := range digests {
			if _, err := cache.OpenDigest(ctx, at, d); err != nil && !errors.Is(err, cache.ErrNoCache) {
				t.Errorf("a manifest that names what is gone: %v", err)
			}
		}
		if t.Failed() {
			t.Fatalf("killed before write %d", kill)
		}
		if err == nil {
			if kill < 10 {
				t.Errorf("only %d writes", kill)
			}
			break
		}
		if !errors.Is(err, cachetest.ErrKilled) {
			t.Fatal(err)
		}
		if _, err := upkeep.Collect(ctx, at, o); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, tree(t, at.URL(""))); diff != "" {
			t.Fatalf("killed before write %d and done again: want -, got +:\n%s", kill, diff)
		}
	}
}

// A cache that a process holds is left alone; what that process staged is no garbage.
func TestCollectIsRefused(t *testing.T) {
	t.Parallel()
	st, _ := old(t, t.TempDir())
	run := cachetest.Run("r4")
	run.Started, run.Finished = daysAgo(60), time.Time{} // it takes long
	claim, err := cache.Begin(ctx, st, run)
	if err != nil {
		t.Fatal(err)
	}
	cachetest.Stage(t, st, cachetest.Options("r4"), cachetest.Pairs(3), 3)
	before := tree(t, st.URL(""))
	_, err = upkeep.Collect(ctx, st, upkeep.CollectOptions{Now: present})
	wantError(t, "held", err, cache.ErrTaken, "held by process")
	would, err := upkeep.Collect(ctx, st, upkeep.CollectOptions{Now: present, DryRun: true})
	if err != nil || slices.ContainsFunc(would.Removed, func(x upkeep.Removed) bool { return ofRun(x.Path, "r4") }) {
		t.Errorf("dry run: %+v, %v", would, err)
	}
	if diff := cmp.Diff(before, tree(t, st.URL(""))); diff != "" {
		t.Errorf("it changed: %s", diff)
	}
	// Once it is dead, what it staged is kept for as long as if it had ended now.
	claim.Release()
	for _, now := range []time.Time{present, present.Add(upkeep.DefaultKeep - time.Minute)} {
		if _, err := upkeep.Collect(ctx, st, upkeep.CollectOptions{Keep: upkeep.DefaultKeep, Now: now}); err != nil {
			t.Fatal(err)
		}
		if got := cachetest.Objects(t, st, "tmp/r4/"); len(got) != 4 {
			t.Errorf("of what it staged are left %v", got)
		}
	}
	if _, err := upkeep.Collect(ctx, st, upkeep.CollectOptions{Keep: upkeep.DefaultKeep, Now: present.Add(upkeep.DefaultKeep + time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if got := cachetest.Objects(t, st, "tmp/"); len(got) != 0 {
		t.Errorf("later are left %v", got)
	}

	for _, c := range []struct {
		name string
		do   func(st storage.Store)
		is   error
	}{
		{"no cache", func(st storage.Store) { os.Remove(st.URL("manifest.json")) }, cache.ErrNoCache},
		{"a damaged part", func(st storage.Store) { os.Truncate(st.URL(manifestOf(t, st).Parts[0].Path), 3) }, cache.ErrDamaged},
		{"a damaged snapshot", func(st storage.Store) {
			os.Truncate(st.URL("manifests/"+manifestOf(t, st).Previous+".json"), 3)
		}, cache.ErrDamaged},
		{"a damaged record", func(st storage.Store) { os.Truncate(st.URL("runs/r3.json"), 3) }, cache.ErrDamaged},
	} {
		st, _ := old(t, t.TempDir())
		c.do(st)
		before := tree(t, st.URL(""))
		_, err := upkeep.Collect(ctx, st, upkeep.CollectOptions{Now: present})
		wantError(t, c.name, err, c.is, "")
		if diff := cmp.Diff(before, tree(t, st.URL(""))); diff != "" {
			t.Errorf("%s: it changed: %s", c.name, diff)
		}
	}
	empty := t.TempDir()
	_, err = upkeep.Collect(ctx, cachetest.Local(t, empty), upkeep.CollectOptions{})
	wantError(t, "an empty directory", err, cache.ErrNoCache, "collect")
	if entries, _ := os.ReadDir(empty); len(entries) != 0 {
		t.Errorf("an empty directory holds %v now", entries)
	}
}

// What a commit that died had published is adopted by the next run, however far it came, though Collect came between.
func TestCollectKeepsWhatCanBeAdopted(t *testing.T) {
	t.Parallel()
	rows := cachetest.Pairs(14)
	for kill := 0; ; kill++ {
		st := cachetest.Local(t, filepath.Join(t.TempDir(), fmt.Sprint(kill)))
		grow(t, st, runAt("r1", daysAgo(3)), rows[:3])
		run := runAt("r2", daysAgo(1))
		claim := cachetest.Begin(t, st, run)
		c := cachetest.Commit("r2", claim.Base, cachetest.Stage(t, st, cachetest.Options("r2"), rows, 7))
		c.Run = run
		left := kill
		_, _, err := c.Do(ctx, cachetest.Flaky{Store: st, Left: &left})
		if _, err := upkeep.Collect(ctx, st, upkeep.CollectOptions{Keep: upkeep.DefaultKeep, Now: present}); err != nil {
			t.Fatal(err)
		}
		cachetest.Begin(t, st, runAt("r3", present))
		known, oerr := open(t, st).Known(ctx)
		if oerr != nil {
			t.Fatal(oerr)
		}
		for _, p := range rows {
			if !known.Has(p.ID) {
				t.Errorf("killed before write %d: pair %s is lost", kill, p.ID)
			}
		}
		known.Close()
		wantSound(t, st)
		if err == nil || t.Failed() {
			break
		}
	}
}

// Whatever came before, after Collect a cache is sound, its newest view has the rows that it had, and a snapshot within Keep opens.
func TestCollectProperty(t *testing.T) {
	t.Parallel()
	dir, n := t.TempDir(), 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		st := cachetest.Local(t, filepath.Join(dir, fmt.Sprint(n)))
		all := cachetest.Pairs(30)
		type made struct {
			digest string
			rows   []schemas.CachedPair
			until  time.Time
		}
		var history []made
		at := 60.0
		for i := range rapid.IntRange(1, 4).Draw(rt, "runs") {
			at = at * rapid.Float64Range(0.3, 1).Draw(rt, "days")
			id := fmt.Sprintf("r%d", i)
			from := rapid.IntRange(0, 25).Draw(rt, "from")
			rows := all[from:rapid.IntRange(from, 30).Draw(rt, "to")]
			if n := len(history); n > 0 {
				history[n-1].until = daysAgo(at)
			}
			switch what := rapid.SampledFrom([]string{"done", "done", "died", "failed", "dropped"}).Draw(rt, "what"); {
			case what == "done" || len(history) == 0:
				history = append(history, made{grow(t, st, runAt(id, daysAgo(at)), rows), rows, time.Time{}})
				continue
			case what == "dropped":
				if len(manifestOf(t, st).Views) > 1 {
					// The oldest view goes; its parts stay where others may need them.
					cachetest.Edit(t, st, func(m map[string]any) {
						m["previous"], m["created"] = history[len(history)-1].digest, daysAgo(at)
						m["views"] = m["views"].([]any)[1:]
					})
					history = append(history, made{newest(t, st), history[len(history)-1].rows, time.Time{}})
					continue
				}
			}
			run := runAt(id, daysAgo(at))
			cachetest.Begin(t, st, run)
			cachetest.Stage(t, st, cachetest.Options(id), rows, rapid.IntRange(1, 9).Draw(rt, "bundle"))
			if rapid.Bool().Draw(rt, "failed") {
				if err := cache.Fail(ctx, st, run, errors.New("no")); err != nil {
					t.Fatal(err)
				}
			}
			// It may have adopted, which makes a snapshot with the rows of the one before.
			if d := newest(t, st); d != history[len(history)-1].digest {
				history = append(history, made{d, history[len(history)-1].rows, time.Time{}})
			} else {
				history[len(history)-1].until = time.Time{}
			}
		}
		keep := time.Duration(rapid.Float64Range(0, 70).Draw(rt, "keep") * 24 * float64(time.Hour))
		g, err := upkeep.Collect(ctx, st, upkeep.CollectOptions{Keep: keep, Now: present})
		if err != nil {
			t.Fatal(err)
		}
		last := history[len(history)-1]
		if g.Digest != last.digest {
			rt.Errorf("the newest is %s, want %s", g.Digest, last.digest)
		}
		wantSound(t, st)
		for _, h := range history {
			if h.until.IsZero() || present.Sub(h.until) <= keep {
				readable(t, st, h.digest, h.rows)
			}
		}
		if t.Failed() {
			rt.Fatalf("keep %v, removed %+v", keep, g.Removed)
		}
	})
}
