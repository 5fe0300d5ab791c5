package storage

import (
	"context"
	"fmt"
	"net/url"
	"strings"
)

// OpenURL returns the store that a URL names: a path or file://path is a local directory. Stores of other schemes are packages of their
// own, so that a program links only what it uses.
func OpenURL(ctx context.Context, rawURL string) (Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	scheme, rest, found := strings.Cut(rawURL, "://")
	if !found {
		return Local(rawURL)
	}
	if scheme != "file" {
		return nil, fmt.Errorf("storage: %s: this program has no store for %s://; use a local directory", rawURL, scheme)
	}
	dir, err := url.PathUnescape(rest)
	if err != nil {
		return nil, fmt.Errorf("storage: %s: %w", rawURL, err)
	}
	return Local(dir)
}
