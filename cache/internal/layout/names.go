package layout

import (
	"fmt"
	"regexp"
	"strings"
)

const (
	// Newest is the manifest of the newest snapshot.
	Newest = "manifest.json"
	// Lock is the lock by which a launcher holds a cache; it is no part of it.
	Lock = ".lock"
)

// Folders are those that a cache has.
var Folders = []string{"keys/", "manifests/", "quarantine/", "runs/", "tmp/", "values/", "views/"}

// Manifest is a snapshot, by its digest.
func Manifest(digest string) string { return "manifests/" + digest + ".json" }

// Run is the record of a run.
func Run(run string) string { return "runs/" + run + ".json" }

// ViewInfo is how a run's view was made.
func ViewInfo(run string) string { return "views/" + run + ".json" }

// Values is a part of values. The name of a part is given to it by the sink that writes it, and no other part of the run has it: so a
// retry of anything meets its own file under a name or none.
func Values(run, name string) string { return "values/part-" + run + "-" + name + ".parquet" }

// Keys is the keys file of a part of values.
func Keys(run, name string) string { return "keys/part-" + run + "-" + name + ".keys" }

// View is a part of a run's view.
func View(run, name string) string { return "views/" + run + "/part-" + name + ".parquet" }

// Quarantine is a file of rows that a run did not score.
func Quarantine(run, name string) string { return "quarantine/" + run + "/part-" + name + ".jsonl" }

// A Kind is what a staged file is to become.
type Kind string

// The kinds of staged files. A receipt is written once a part of values and its keys are whole, and says what they are.
const (
	KindValues     Kind = "values-%s.parquet"
	KindKeys       Kind = "keys-%s.keys"
	KindReceipt    Kind = "receipt-%s.json"
	KindView       Kind = "view-%s.parquet"
	KindQuarantine Kind = "quarantine-%s.jsonl"
)

// Staged is a file that a run has not committed yet.
func Staged(run string, k Kind, name string) string {
	return StagedDir(run) + "/" + fmt.Sprintf(string(k), name)
}

// StagedDir is where a run's staged files lie.
func StagedDir(run string) string { return "tmp/" + run }

// ParseReceipt returns the run and the part that a receipt below tmp/ is of.
func ParseReceipt(path string) (run, name string, ok bool) {
	rest, ok := strings.CutPrefix(path, "tmp/")
	if !ok {
		return "", "", false
	}
	run, file, ok := strings.Cut(rest, "/")
	if !ok {
		return "", "", false
	}
	name, ok = strings.CutPrefix(file, "receipt-")
	if !ok {
		return "", "", false
	}
	name, ok = strings.CutSuffix(name, ".json")
	return run, name, ok && partName.MatchString(name) && CheckRun(run) == nil
}

// ParsePart returns the run whose part of values, keys or view a path is. A run's id may contain dashes, the name of a part does not.
func ParsePart(path string) (run string, ok bool) {
	for _, folder := range []string{"values/part-", "keys/part-"} {
		if rest, found := strings.CutPrefix(path, folder); found {
			i := strings.LastIndexByte(rest, '-')
			if i < 0 {
				return "", false
			}
			return rest[:i], CheckRun(rest[:i]) == nil
		}
	}
	if rest, found := strings.CutPrefix(path, "views/"); found {
		run, _, inside := strings.Cut(rest, "/")
		if !inside {
			run, inside = strings.CutSuffix(rest, ".json")
		}
		return run, inside && CheckRun(run) == nil
	}
	return "", false
}

var (
	runID    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)
	partName = regexp.MustCompile(`^[a-z0-9]{1,32}$`)
)

// AllViews is what stands for every view of a cache where a view's name is wanted, so no run may have it.
const AllViews = "all"

// CheckRun refuses ids that would not be one element of a path, or that mean something else.
func CheckRun(id string) error {
	if !runID.MatchString(id) {
		return fmt.Errorf("the run id %.100q is not 1 to 100 letters, digits, dots, dashes and underscores, the first a letter or digit", id)
	}
	if id == AllViews {
		return fmt.Errorf("the run id %q stands for every view; give the run another", id)
	}
	return nil
}

// CheckName refuses names of parts that this package did not give.
func CheckName(name string) error {
	if !partName.MatchString(name) {
		return fmt.Errorf("the part's name %.100q is not 1 to 32 lower-case letters and digits", name)
	}
	return nil
}
