package pairs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/steelyard-ml/steelyard/schemas"
)

// An Input is one file of a data set.
type Input struct {
	Path  string
	Bytes int64 // its size as stored, compressed or not
}

// extensions are what a directory is searched for, without .gz and .zst.
var extensions = []string{".jsonl", ".ndjson", ".json", ".parquet"}

// compressions are the extensions of compressed files.
var compressions = []string{".gz", ".zst"}

// known reports whether a directory's file is data by its name: a known extension, compressed or not.
func known(name string) bool {
	name = strings.ToLower(name)
	if name == "dataset_info.json" || name == "dataset_infos.json" {
		return false // LLaMA-Factory and datasets describe the directory's files in these
	}
	if ext := filepath.Ext(name); slices.Contains(compressions, ext) {
		name = strings.TrimSuffix(name, ext)
		return filepath.Ext(name) != ".parquet" && slices.Contains(extensions, filepath.Ext(name))
	}
	return slices.Contains(extensions, filepath.Ext(name))
}

// Inputs lists the files that the patterns name: in the order of the patterns, sorted by path within a glob or directory, each file
// once. A pattern is a file (of any name), a directory (searched through for .jsonl, .ndjson, .json and .parquet files, also .gz and
// .zst; what begins with a dot or an underscore is left out, and so are dataset_info.json and dataset_infos.json), or a glob. A pattern that names nothing is an error.
func Inputs(ctx context.Context, patterns []string) ([]Input, error) {
	if len(patterns) == 0 {
		return nil, errors.New("pairs: no input; name files, directories or globs of preference data")
	}
	var out []Input
	seen := map[string]bool{}
	for _, pattern := range patterns {
		paths, err := expand(ctx, pattern)
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			abs, err := filepath.Abs(path)
			if err != nil {
				return nil, fmt.Errorf("pairs: input %s: %w", path, err)
			}
			if seen[abs] {
				continue
			}
			seen[abs] = true
			info, err := os.Stat(path)
			if err != nil {
				return nil, fmt.Errorf("pairs: input: %w", err)
			}
			out = append(out, Input{Path: path, Bytes: info.Size()})
		}
	}
	return out, nil
}

// expand returns the files of one pattern, sorted.
func expand(ctx context.Context, pattern string) ([]string, error) {
	local, err := localPath(pattern)
	if err != nil {
		return nil, err
	}
	matches := []string{filepath.Clean(local)}
	if _, err := os.Stat(local); errors.Is(err, fs.ErrNotExist) {
		if matches, err = filepath.Glob(local); err != nil {
			return nil, fmt.Errorf("pairs: input %q is no file and no valid glob: %w", pattern, err)
		}
		if !strings.HasPrefix(filepath.Base(local), ".") { // as a shell does
			matches = slices.DeleteFunc(matches, func(m string) bool { return strings.HasPrefix(filepath.Base(m), ".") })
		}
		if len(matches) == 0 {
			return nil, fmt.Errorf("pairs: input %q names no file; look at the path, and quote globs for the shell", pattern)
		}
	} else if err != nil {
		return nil, fmt.Errorf("pairs: input: %w", err)
	}
	var paths []string
	for _, match := range matches {
		info, err := os.Stat(match)
		if err != nil {
			return nil, fmt.Errorf("pairs: input: %w", err)
		}
		if !info.IsDir() {
			paths = append(paths, match)
			continue
		}
		below, err := walk(ctx, match)
		if err != nil {
			return nil, err
		}
		if len(below) == 0 {
			return nil, fmt.Errorf("pairs: input directory %s holds no file named %s (also %s); name the files one by one if theirs end otherwise",
				match, strings.Join(extensions, ", "), strings.Join(compressions, ", "))
		}
		paths = append(paths, below...)
	}
	slices.Sort(paths)
	return paths, nil
}

// walk returns the data files below dir. It follows links to files, not to directories, which might lead back.
func walk(ctx context.Context, dir string) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("pairs: input directory: %w", err)
	}
	var paths []string
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if strings.HasPrefix(e.Name(), ".") || strings.HasPrefix(e.Name(), "_") {
			continue
		}
		if e.IsDir() {
			below, err := walk(ctx, path)
			if err != nil {
				return nil, err
			}
			paths = append(paths, below...)
			continue
		}
		if !known(e.Name()) {
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("pairs: input directory %s: %w", dir, err)
		}
		if info.Mode().IsRegular() {
			paths = append(paths, path)
		}
	}
	return paths, nil
}

// localPath strips file:// and refuses other schemes.
func localPath(path string) (string, error) {
	if rest, ok := strings.CutPrefix(path, "file://"); ok {
		return rest, nil
	}
	if scheme, _, ok := strings.Cut(path, "://"); ok {
		return "", fmt.Errorf("pairs: input %q: %s:// is not supported; copy the data to a local directory first", path, scheme)
	}
	if path == "" {
		return "", errors.New("pairs: an input is empty; name a file, a directory or a glob")
	}
	return path, nil
}

// rangeBytes is about how much of a file one work item covers, where the file can be cut: a few thousand pairs, minutes of scoring.
const rangeBytes = 8 << 20

// Plan cuts the inputs into work items, in order: line files that are not compressed into byte ranges, Parquet files into row groups
// (several small ones together, large ones cut), all others whole. With a limit it reads as far as that many rows, so that the items
// end exactly there.
func Plan(ctx context.Context, inputs []Input, o Options) ([]schemas.WorkItem, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("pairs: options: %w", err)
	}
	var items []schemas.WorkItem
	left := o.Limit
	for i, in := range inputs {
		if o.Limit > 0 && left == 0 {
			break
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		whole := schemas.WorkItem{File: int32(i), Path: in.Path, End: -1}
		cut, rows, err := planFile(ctx, whole, left, o)
		if err != nil {
			return nil, err
		}
		items = append(items, cut...)
		left -= rows
	}
	return items, nil
}

// planFile cuts one file. Where limit is positive, the items end with that row at the latest and rows is how many they have.
func planFile(ctx context.Context, whole schemas.WorkItem, limit int64, o Options) (items []schemas.WorkItem, rows int64, err error) {
	f, err := open(whole.Path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	if f.content == contentNothing {
		return nil, 0, nil
	}
	if f.content == contentParquet {
		pf, err := f.openParquet()
		if err != nil {
			return nil, 0, f.at(err)
		}
		for _, end := range groupEnds(pf.Metadata().RowGroups) {
			if limit > 0 {
				end = min(end, limit)
			}
			if end > rows {
				items = append(items, schemas.WorkItem{File: whole.File, Path: whole.Path, Begin: rows, End: end})
				rows = end
			}
		}
		return items, rows, nil
	}
	if limit > 0 {
		if whole.End, rows, err = f.head(ctx, limit, o.withDefaults()); err != nil {
			return nil, 0, err
		}
	}
	if f.content == contentArray || f.compression != plain {
		return []schemas.WorkItem{whole}, rows, nil
	}
	size := whole.End
	if size < 0 {
		size = f.size
	}
	n := max(1, (size+rangeBytes/2)/rangeBytes)
	for i := range n {
		items = append(items, schemas.WorkItem{File: whole.File, Path: whole.Path, Begin: size * i / n, End: size * (i + 1) / n})
	}
	return items, rows, nil
}

// head finds the end, as WorkItem.End counts, of the first rows of a text file, and how many there are, at most limit.
func (f *file) head(ctx context.Context, limit int64, o Options) (end, n int64, err error) {
	rows, closer, err := f.text(0, -1, o)
	if err != nil {
		return 0, 0, f.at(err)
	}
	defer closer.Close()
	for n < limit {
		if err := ctx.Err(); err != nil {
			return 0, 0, err
		}
		pos, _, err := rows.advance()
		if err == io.EOF {
			break
		}
		if err != nil {
			return 0, 0, f.at(err)
		}
		end = pos + 1 // the row begins in the range, so it belongs to it
		n++
	}
	return end, n, nil
}

// Count returns how many rows work items have, the bad ones included: for telling how much of the work is left. Of Parquet it reads
// nothing; text it reads through, without parsing it. Items are those of Plan.
func Count(ctx context.Context, items []schemas.WorkItem, o Options) (int64, error) {
	total := int64(0)
	for _, item := range items {
		n, err := countItem(ctx, item, o.withDefaults())
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

func countItem(ctx context.Context, item schemas.WorkItem, o Options) (int64, error) {
	f, err := open(item.Path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if f.content == contentParquet {
		return item.End - item.Begin, nil
	}
	rows, closer, err := f.text(item.Begin, item.End, o)
	if err != nil {
		return 0, f.at(err)
	}
	defer closer.Close()
	for n := int64(0); ; n++ {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if _, _, err := rows.advance(); err == io.EOF {
			return n, nil
		} else if err != nil {
			return 0, f.at(err)
		}
	}
}
