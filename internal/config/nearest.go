package config

import "sort"

// nearest returns the name that is at most two edits, and less than half its length, away from a key, or "".
func nearest(key string, names []string) string {
	sort.Strings(names)
	best, least := "", 3
	for _, name := range names {
		if d := distance(key, name); d < least && 2*d < len(name) {
			best, least = name, d
		}
	}
	return best
}

// distance is the Levenshtein distance: how many bytes to insert, delete or replace to make a into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
