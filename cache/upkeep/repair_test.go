package upkeep_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/cache/cachetest"
	"github.com/steelyard-ml/steelyard/cache/internal/part"
	"github.com/steelyard-ml/steelyard/cache/upkeep"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// twoViews makes a cache of two data sets: r1 of rows 0..11, r2 of 6..19. Each run wrote all its rows, in parts of six: so rows 6..11 are in
// the second part and in the third, others in one.
func twoViews(t testing.TB, dir string) (st storage.Store, rows []schemas.CachedPair) {
	t.Helper()
	for i := range 20 {
		rows = append(rows, cachetest.Pair(uint64(i), 20, schemas.Source{File: int32(i % 2), Pos: int64(i / 2 * 10)}))
	}
	st = cachetest.Local(t, dir)
	grow(t, st, runAt("r1", daysAgo(2)), rows[:12])
	grow(t, st, runAt("r2", daysAgo(1)), rows[6:])
	return st, rows
}

// repair repairs a cache with a model that knows rows, and without one where rows is nil.
func repair(t testing.TB, st storage.Store, id string, rows []schemas.CachedPair) (upkeep.Repaired, error) {
	t.Helper()
	o := upkeep.RepairOptions{Run: runAt(id, present)}
	o.Run.Runner = "repair"
	if rows != nil {
		o.Score, o.Sample = fakeModel(rows).score, math.MaxInt
	}
	return upkeep.Repair(ctx, st, o)
}

func read(t testing.TB, st storage.Store, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(st.URL(path))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func flip(t testing.TB, st storage.Store, path string, at int) {
	t.Helper()
	b := read(t, st, path)
	b[at] ^= 4
	if err := os.WriteFile(st.URL(path), b, 0o666); err != nil {
		t.Fatal(err)
	}
}

// rewriteValues changes the rows of a part as a faulty writer would have written them, in the newest manifest of a history.
func rewriteValues(t *testing.T, st storage.Store, path string, change func(v *part.Value)) {
	t.Helper()
	was := newest(t, st)
	rewrite(t, st, path, func(rows []part.Value) []part.Value {
		for i := range rows {
			change(&rows[i])
		}
		return rows
	})
	cachetest.Edit(t, st, func(m map[string]any) { m["previous"] = was })
}

// column returns the offset in the middle of the pages of a column of a part.
func column(t testing.TB, st storage.Store, path, name string) int {
	t.Helper()
	return int(parquetColumn(t, st.URL(path), name))
}

// What can be mended is, and nothing more is scored than the rows of parts that failed and that no other part has.
func TestRepair(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		do     func(t *testing.T, st storage.Store, m schemas.Manifest)
		scored int64  // with the model
		alone  bool   // whether without one all is well that is found
		says   string // of what was done
	}{
		{name: "nothing wrong", do: func(*testing.T, storage.Store, schemas.Manifest) {}, alone: true},
		{name: "a flipped value", do: func(t *testing.T, st storage.Store, m schemas.Manifest) {
			flip(t, st, m.Parts[0].Path, column(t, st, m.Parts[0].Path, "ref_chosen_token_logps"))
		}, scored: 6, says: "of its 6 rows 6 were scored again"},
		{name: "values of a part that another has", do: func(t *testing.T, st storage.Store, m schemas.Manifest) {
			flip(t, st, m.Parts[1].Path, column(t, st, m.Parts[1].Path, "ref_rejected_logps"))
		}, alone: true, says: "of its 6 rows 0 were scored again, 6 are in other parts as well"},
		{name: "a wrong value, with the right sum and digest", do: func(t *testing.T, st storage.Store, m schemas.Manifest) {
			rewriteValues(t, st, m.Parts[0].Path, func(v *part.Value) {
				v.RefChosenLogps -= float64(v.RefChosenTokenLogps[0])
				v.RefChosenTokenLogps[0] = 0
				v.RefChosenLogps = 0
				for _, x := range v.RefChosenTokenLogps {
					v.RefChosenLogps += float64(x)
				}
			})
		}, alone: true, scored: 6, says: "scored again it has"},
		{name: "rows that two parts have with other values", do: func(t *testing.T, st storage.Store, m schemas.Manifest) {
			rewriteValues(t, st, m.Parts[2].Path, func(v *part.Value) {
				for i := range v.RefRejectedTokenLogps {
					v.RefRejectedTokenLogps[i] = -1
				}
				v.RefRejectedLogps = -float64(len(v.RefRejectedTokenLogps))
			})
			// Nothing tells which is right, so that both are dropped.
		}, scored: 6, says: "other values in"},
		{name: "no keys", do: func(t *testing.T, st storage.Store, m schemas.Manifest) { os.Remove(st.URL(m.Parts[3].Keys.Path)) }, alone: true, says: "written again from its part"},
		{name: "a flipped key", do: func(t *testing.T, st storage.Store, m schemas.Manifest) { flip(t, st, m.Parts[3].Keys.Path, 20) }, alone: true, says: "written again from its part"},
		{name: "keys of other rows", do: func(t *testing.T, st storage.Store, m schemas.Manifest) {
			was := newest(t, st)
			flip(t, st, m.Parts[0].Keys.Path, len(read(t, st, m.Parts[0].Keys.Path))-1)
			renamed(t, st, m.Parts[0].Keys.Path)
			cachetest.Edit(t, st, func(m map[string]any) { m["previous"] = was })
		}, scored: 6, says: "is not that of a row"},
		{name: "the older view", do: func(t *testing.T, st storage.Store, m schemas.Manifest) {
			os.Truncate(st.URL(m.Views[0].Parts[0].Path), 9)
		}, alone: true, says: "views/r1: "},
		{name: "no description of the older view", do: func(t *testing.T, st storage.Store, m schemas.Manifest) { os.Remove(st.URL("views/r1.json")) }, alone: true, says: "views/r1: "},
		{name: "a source twice in the older view", do: func(t *testing.T, st storage.Store, m schemas.Manifest) {
			was := newest(t, st)
			rewrite(t, st, m.Views[0].Parts[0].Path, func(rows []part.ViewRow) []part.ViewRow {
				rows[1].SourceFile, rows[1].SourcePos = rows[0].SourceFile, rows[0].SourcePos
				return rows
			})
			cachetest.Edit(t, st, func(m map[string]any) { m["previous"] = was })
		}, alone: true, says: "two rows of the view have the source"},
		{name: "a record of a run", do: func(t *testing.T, st storage.Store, m schemas.Manifest) { os.Truncate(st.URL("runs/r1.json"), 9) }, alone: true, says: "what is known of the run"},
		{name: "manifest.json", do: func(t *testing.T, st storage.Store, m schemas.Manifest) { flip(t, st, "manifest.json", 99) }, alone: true, says: "put in its place"},
		{name: "no manifest.json", do: func(t *testing.T, st storage.Store, m schemas.Manifest) { os.Remove(st.URL("manifest.json")) }, alone: true, says: "put in its place"},
		{name: "an empty manifest.json", do: func(t *testing.T, st storage.Store, m schemas.Manifest) { os.Truncate(st.URL("manifest.json"), 0) }, alone: true, says: "put in its place"},
		{name: "the older snapshot", do: func(t *testing.T, st storage.Store, m schemas.Manifest) {
			flip(t, st, "manifests/"+m.Previous+".json", 99)
		}, alone: true, says: "removed; a training run"},
		{name: "the newest snapshot", do: func(t *testing.T, st storage.Store, m schemas.Manifest) {
			flip(t, st, "manifests/"+newest(t, st)+".json", 99)
		}, alone: true, says: "written again from manifest.json"},
		{name: "no newest snapshot", do: func(t *testing.T, st storage.Store, m schemas.Manifest) {
			os.Remove(st.URL("manifests/" + newest(t, st) + ".json"))
		}, alone: true, says: "written again from manifest.json"},
		{name: "everything at once", do: func(t *testing.T, st storage.Store, m schemas.Manifest) {
			flip(t, st, m.Parts[0].Path, column(t, st, m.Parts[0].Path, "ref_chosen_token_logps"))
			flip(t, st, m.Parts[4].Path, column(t, st, m.Parts[4].Path, "ref_rejected_token_logps"))
			os.Remove(st.URL(m.Parts[0].Keys.Path))
			os.Remove(st.URL(m.Parts[2].Keys.Path))
			os.Remove(st.URL("views/r1.json"))
			flip(t, st, "manifest.json", 99)
			flip(t, st, "manifests/"+m.Previous+".json", 99)
			os.WriteFile(st.URL("runs/r2.json"), []byte("{}"), 0o666)
		}, scored: 8, says: "dropped"},
	} {
		t.Run(c.name, func(t *testing.T) {
			st, rows := twoViews(t, t.TempDir())
			m := manifestOf(t, st)
			c.do(t, st, m)
			before := tree(t, st.URL(""))

			// Without a model what takes one stays as it is, and the cure names it.
			got, err := repair(t, st, "x1", nil)
			if err != nil {
				t.Fatal(err)
			}
			if c.alone != got.Report.OK() {
				t.Fatalf("without a model: %q, left %v", got.Done, got.Report.Faults)
			}
			if !c.alone && !slices.ContainsFunc(got.Report.Faults, func(f upkeep.Fault) bool { return strings.Contains(f.Cure, "--model DIR") }) {
				t.Errorf("no cure names the model: %v", got.Report.Faults)
			}
			if len(got.Done) == 0 {
				if diff := cmp.Diff(before, tree(t, st.URL(""))); diff != "" {
					t.Errorf("nothing was done, and it changed: %s", diff)
				}
			}

			with, err := repair(t, st, "x2", rows)
			if err != nil || !with.Report.OK() || with.Scored != c.scored {
				t.Fatalf("with a model: %q, %d scored, want %d, left %v, %v", with.Done, with.Scored, c.scored, with.Report.Faults, err)
			}
			wantSound(t, st)
			done := strings.Join(append(got.Done, with.Done...), "\n")
			if !strings.Contains(done, c.says) || (c.says == "") != (done == "") {
				t.Errorf("done: %q, want %q", done, c.says)
			}
			readable(t, st, newest(t, st), rows[6:])
			if now := manifestOf(t, st); now.Program == "steelyard test" && now.Created.Equal(present) {
				was := now.Previous // a repair is a snapshot that grew from the one it found
				if _, err := os.Stat(st.URL("manifests/" + was + ".json")); err != nil {
					t.Errorf("the snapshot grew from none: %v", err)
				}
			} else if with.Scored > 0 {
				t.Errorf("manifest %+v", now)
			}
			if with.Scored > 0 {
				run, err := cache.Record(ctx, st, "x2")
				if err != nil || run.State != schemas.RunDone || run.Counts.Scored != c.scored || run.Counts.Tokens == 0 || len(run.Options) != 1 {
					t.Errorf("record %+v, %v", run, err)
				}
			}
			if left := cachetest.Objects(t, st, "tmp/"); len(left) > 0 {
				t.Errorf("%v are left", left)
			}

			// Once more there is nothing to do, and nothing is done.
			before = tree(t, st.URL(""))
			again, err := repair(t, st, "x3", rows)
			if err != nil || !again.Report.OK() || len(again.Done) > 0 || again.Scored > 0 {
				t.Errorf("again: %+v, %v", again, err)
			}
			if diff := cmp.Diff(before, tree(t, st.URL(""))); diff != "" {
				t.Errorf("again, and it changed: %s", diff)
			}
			// A run goes on from there.
			grow(t, st, runAt("r3", present), rows[:3])
			readable(t, st, newest(t, st), rows[:3])
			wantSound(t, st)
		})
	}
}

// Rows whose tokens are lost are not made up: they are counted, with their view and where they came from, and precompute over the same data
// scores them and no others.
func TestRepairTellsWhatIsLost(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		do   func(t *testing.T, st storage.Store, path string)
		lost int
	}{
		{"a missing part", func(t *testing.T, st storage.Store, path string) { os.Remove(st.URL(path)) }, 6},
		{"a cut part", func(t *testing.T, st storage.Store, path string) { os.Truncate(st.URL(path), 1000) }, 6},
		{"a column of ids", func(t *testing.T, st storage.Store, path string) {
			flip(t, st, path, column(t, st, path, "prompt_ids"))
		}, 6},
		{"a row of other ids", func(t *testing.T, st storage.Store, path string) {
			was := newest(t, st)
			rewrite(t, st, path, func(rows []part.Value) []part.Value {
				rows[2].ChosenIDs[0]++
				return rows
			})
			cachetest.Edit(t, st, func(m map[string]any) { m["previous"] = was })
		}, 1},
		{"a row that the model refuses", func(t *testing.T, st storage.Store, path string) {
			flip(t, st, path, column(t, st, path, "ref_chosen_logps"))
		}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			st, rows := twoViews(t, t.TempDir())
			m := manifestOf(t, st)
			c.do(t, st, m.Parts[0].Path)
			known := rows
			if c.name == "a row that the model refuses" {
				known = append(slices.Clone(rows[:2]), rows[3:]...)
			}
			o := upkeep.RepairOptions{Run: runAt("x1", present)}
			o.Score = fakeModel(known).score // a sample may meet no row that it does not know: the part is not sound
			got, err := upkeep.Repair(ctx, st, o)
			if err != nil || int(got.Scored) != 6-c.lost || got.Report.OK() || len(got.Report.Faults) != 1 {
				t.Fatalf("%+v, %v", got, err)
			}
			views, from := c.lost, "a.jsonl:0 (pair "+rows[0].ID+"), a.jsonl:10 (pair "+rows[2].ID+"), a.jsonl:20 (pair "+rows[4].ID+"), …"
			if c.lost == 1 {
				from = "a.jsonl:10 (pair " + rows[2].ID + ")"
			}
			f := got.Report.Faults[0]
			want := fmt.Sprintf("%d of its 12 rows are of pairs in no part: %s", views, from)
			if f.File != st.URL("views/r1") || f.What != want || !strings.Contains(f.Cure, "run precompute again over the same data") {
				t.Errorf("got %q, want %q", f, want)
			}
			// Training on what is whole goes on; on what is not it is refused.
			readable(t, st, newest(t, st), rows[6:])
			_, err = open(t, st).Index(ctx, "r1", filepath.Join(t.TempDir(), "index"))
			wantError(t, "the view", err, cache.ErrMissingValue, "run precompute again")

			// A second time does nothing.
			before := tree(t, st.URL(""))
			o.Run.ID = "x2"
			again, err := upkeep.Repair(ctx, st, o)
			if diff := cmp.Diff(before, tree(t, st.URL(""))); diff != "" || err != nil || len(again.Done) > 0 || !cmp.Equal(again.Report.Faults, got.Report.Faults) {
				t.Errorf("again: %+v, %v: %s", again, err, diff)
			}

			now := appendRun(t, st, "r3", rows[:12])
			if last := now.Parts[len(now.Parts)-1]; int(last.Rows) != c.lost || last.Run != "r3" {
				t.Errorf("precompute scored %d rows in %s, want %d", last.Rows, last.Path, c.lost)
			}
			wantSound(t, st)
			readable(t, st, newest(t, st), rows[:12])
		})
	}
}

// The newest view is what training reads, so that it is not dropped. Made anew by precompute it is an older one, which is.
func TestRepairKeepsTheNewestView(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(t *testing.T, st storage.Store, v schemas.ViewRef){
		"a cut part":           func(t *testing.T, st storage.Store, v schemas.ViewRef) { os.Truncate(st.URL(v.Parts[0].Path), 9) },
		"a flipped part":       func(t *testing.T, st storage.Store, v schemas.ViewRef) { flip(t, st, v.Parts[0].Path, 200) },
		"no description":       func(t *testing.T, st storage.Store, v schemas.ViewRef) { os.Remove(st.URL(v.Info.Path)) },
		"a flipped desciption": func(t *testing.T, st storage.Store, v schemas.ViewRef) { flip(t, st, v.Info.Path, 20) },
	} {
		t.Run(name, func(t *testing.T) {
			st, rows := twoViews(t, t.TempDir())
			m := manifestOf(t, st)
			do(t, st, m.Views[1])
			before := tree(t, st.URL(""))
			got, err := repair(t, st, "x1", rows)
			if err != nil || got.Report.OK() || len(got.Done) > 0 {
				t.Fatalf("%+v, %v", got, err)
			}
			for _, f := range got.Report.Faults {
				if !strings.Contains(f.Cure, "run precompute again over the same data") {
					t.Errorf("%s", f)
				}
			}
			if diff := cmp.Diff(before, tree(t, st.URL(""))); diff != "" {
				t.Errorf("it changed: %s", diff)
			}
			if _, err := readAll(st, filepath.Join(t.TempDir(), "index")); err == nil {
				t.Error("the damaged view is read")
			}
			grow(t, st, runAt("r3", present), rows[6:])
			got, err = repair(t, st, "x2", rows)
			if err != nil || !got.Report.OK() || len(got.Done) != 1 || !strings.Contains(got.Done[0], "views/r2: ") {
				t.Errorf("%+v, %v", got, err)
			}
			readable(t, st, newest(t, st), rows[6:])
			var names []string
			for _, v := range manifestOf(t, st).Views {
				names = append(names, v.Name)
			}
			if !cmp.Equal(names, []string{"r1", "r3"}) {
				t.Errorf("views %v", names)
			}
		})
	}
}

// Killed before any of its writes, a repair leaves the cache as it was or mended, in whole steps: what could be read can be read, to the same
// values; done again it ends well.
func TestRepairSurvivesAKillAnywhere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	st, rows := twoViews(t, filepath.Join(dir, "broken"))
	m := manifestOf(t, st)
	flip(t, st, m.Parts[0].Path, column(t, st, m.Parts[0].Path, "ref_chosen_token_logps"))
	flip(t, st, m.Parts[3].Path, column(t, st, m.Parts[3].Path, "ref_rejected_token_logps"))
	flip(t, st, m.Parts[2].Keys.Path, 20)
	flip(t, st, "views/r1.json", 20)
	os.Truncate(st.URL("manifest.json"), 99)
	os.Truncate(st.URL("runs/r1.json"), 9)
	flip(t, st, "manifests/"+m.Previous+".json", 99)

	for kill := 0; ; kill++ {
		if kill > 100 {
			t.Fatal("the repair is never done")
		}
		at := copyTree(t, st.URL(""), filepath.Join(dir, fmt.Sprint(kill)))
		left := kill
		o := upkeep.RepairOptions{Run: runAt("x1", present), CommitEvery: 1} // each part is committed
		o.Score = fakeModel(rows).score
		_, err := upkeep.Repair(ctx, cachetest.Flaky{Store: at, Left: &left}, o)
		got, rerr := readAll(at, filepath.Join(t.TempDir(), "index"))
		if rerr == nil {
			if diff := sameRows(cachetest.InOrder(rows[6:]), got); diff != "" {
				t.Fatalf("killed before write %d it is read as other rows: %s", kill, diff)
			}
		}
		if err == nil {
			if kill < 15 || rerr != nil {
				t.Errorf("%d writes, %v", kill, rerr)
			}
			wantSound(t, at)
			break
		}
		if !errors.Is(err, cachetest.ErrKilled) {
			t.Fatal(err)
		}
		again, err := repair(t, at, "x2", rows)
		if err != nil || !again.Report.OK() {
			t.Fatalf("killed before write %d and done again: %q, %v, %v", kill, again.Done, again.Report.Faults, err)
		}
		wantSound(t, at)
		readable(t, at, newest(t, at), rows[6:])
		// The next run removes what the killed one left.
		grow(t, at, runAt("r3", present), rows[:3])
		if left := cachetest.Objects(t, at, "tmp/"); len(left) > 0 {
			t.Errorf("%v are left", left)
		}
		named := map[string]bool{}
		for d := newest(t, at); d != ""; {
			s, err := cache.OpenDigest(ctx, at, d)
			if err != nil {
				break
			}
			for _, p := range s.Manifest().Parts {
				named[p.Path] = true
			}
			d = s.Manifest().Previous
		}
		for _, path := range cachetest.Objects(t, at, "values/") {
			if !named[path] {
				t.Errorf("killed before write %d: %s is left", kill, path)
			}
		}
	}
}

func TestRepairIsRefused(t *testing.T) {
	t.Parallel()
	st, rows := twoViews(t, t.TempDir())
	unlock, err := cache.Hold(ctx, st)
	if err != nil {
		t.Fatal(err)
	}
	_, err = repair(t, st, "x1", rows)
	wantError(t, "held", err, cache.ErrTaken, "held by process")
	unlock()

	empty := t.TempDir()
	_, err = repair(t, cachetest.Local(t, empty), "x1", rows)
	wantError(t, "no cache", err, cache.ErrNoCache, "no manifest.json")
	if entries, _ := os.ReadDir(empty); len(entries) != 0 {
		t.Errorf("it holds %v now", entries)
	}
	_, err = repair(t, st, "../x", rows)
	wantError(t, "a run's id", err, nil, "run id")

	// An engine that is out of order, and a caller who gives up: nothing is changed but the record, which says so.
	m := manifestOf(t, st)
	flip(t, st, m.Parts[0].Path, column(t, st, m.Parts[0].Path, "ref_chosen_token_logps"))
	before := newest(t, st)
	calls := 0
	o := upkeep.RepairOptions{Run: runAt("x1", present)}
	o.Score = func(ctx context.Context, made schemas.Fingerprint, in []schemas.TokenPair, scored func(schemas.CachedPair), refused func(schemas.Quarantined)) error {
		if calls++; calls > 1 {
			return errScored
		}
		return fakeModel(rows).score(ctx, made, in, scored, refused)
	}
	_, err = upkeep.Repair(ctx, st, o)
	wantError(t, "Score", err, errScored, "repair")
	run, err := cache.Record(ctx, st, "x1")
	if err != nil || run.State != schemas.RunFailed || !strings.Contains(run.Why, "out of order") || newest(t, st) != before {
		t.Errorf("%+v, %v", run, err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	o.Run.ID = "x2"
	o.Score = fakeModel(rows).then(func([]schemas.TokenPair) { cancel() })
	if _, err = upkeep.Repair(cancelled, st, o); !errors.Is(err, context.Canceled) || newest(t, st) != before {
		t.Errorf("cancelled: %v", err)
	}
	if got, err := repair(t, st, "x3", rows); err != nil || !got.Report.OK() {
		t.Errorf("%+v, %v", got, err)
	}
}

// Rows of one pair in three parts, of which two agree: the two may be the wrong ones.
func TestRepairOfThreeTwins(t *testing.T) {
	t.Parallel()
	st, rows := twoViews(t, t.TempDir())
	grow(t, st, runAt("r3", present), rows[6:12])
	m := manifestOf(t, st)
	change := func(v *part.Value) {
		v.RefRejectedLogps = 0
		for i := range v.RefRejectedTokenLogps {
			v.RefRejectedTokenLogps[i] = -1
			v.RefRejectedLogps--
		}
	}
	for _, p := range []schemas.Part{m.Parts[1], m.Parts[2]} {
		rewriteValues(t, st, p.Path, change)
	}
	o := upkeep.RepairOptions{Run: runAt("x1", present)}
	o.Score, o.Sample = fakeModel(rows).score, 1 // too few to find anything by the model
	got, err := upkeep.Repair(ctx, st, o)
	if err != nil || !got.Report.OK() || got.Scored != 6 {
		t.Fatalf("%+v, %v", got, err)
	}
	readable(t, st, newest(t, st), rows[6:12])
}

// Of several snapshots that no other grew from, the one is put back whose files are there, that is not of a run that failed, and that is the
// latest.
func TestPutBack(t *testing.T) {
	t.Parallel()
	type leaf struct {
		view    string
		days    float64
		state   schemas.RunState
		lacking bool
	}
	for _, c := range []struct {
		name   string
		leaves []leaf
		want   string
	}{
		{"the latest", []leaf{{"a", 3, schemas.RunDone, false}, {"b", 2, schemas.RunDone, false}, {"c", 4, schemas.RunDone, false}}, "b"},
		{"one that did not fail", []leaf{{"a", 3, schemas.RunFailed, false}, {"b", 9, schemas.RunDone, false}, {"c", 2, schemas.RunFailed, false}}, "b"},
		{"one that is whole", []leaf{{"a", 3, schemas.RunDone, true}, {"b", 9, schemas.RunFailed, false}, {"c", 2, schemas.RunDone, true}}, "b"},
		{"none that is whole", []leaf{{"a", 3, schemas.RunDone, true}, {"b", 2, schemas.RunDone, true}}, "b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			st := build(t, t.TempDir(), cachetest.Pairs(12), 6)
			base, was := read(t, st, "manifest.json"), newest(t, st)
			for _, l := range c.leaves {
				if err := os.WriteFile(st.URL("manifest.json"), base, 0o666); err != nil {
					t.Fatal(err)
				}
				cachetest.Edit(t, st, func(m map[string]any) {
					m["previous"], m["created"] = was, daysAgo(l.days)
					view := maps.Clone(m["views"].([]any)[0].(map[string]any))
					view["name"] = l.view
					m["views"] = append(m["views"].([]any), view)
					if l.lacking {
						m["parts"].([]any)[0].(map[string]any)["path"] = "values/part-gone-1.parquet"
					}
				})
				run := runAt(l.view, daysAgo(l.days))
				run.State = l.state
				b, err := json.Marshal(run)
				if err == nil {
					err = os.WriteFile(st.URL("runs/"+l.view+".json"), b, 0o666)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(st.URL("manifest.json"), []byte("{"), 0o666); err != nil {
				t.Fatal(err)
			}
			got, err := repair(t, st, "x1", nil)
			if err != nil || len(got.Done) == 0 || !strings.Contains(got.Done[0], "put in its place") {
				t.Fatalf("%+v, %v", got, err)
			}
			var m schemas.Manifest
			if err := json.Unmarshal(read(t, st, "manifest.json"), &m); err != nil {
				t.Fatal(err)
			}
			if got := m.Views[len(m.Views)-1].Name; got != c.want {
				t.Errorf("that of run %s is put back, want %s", got, c.want)
			}
		})
	}
}
