package storage

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
)

// schemes are the stores beside the local one, by scheme.
var schemes sync.Map // string → func(ctx, url) (Store, error)

// Register makes OpenURL open URLs of a scheme. It is for the init function of a package with a store, so that a program links only the
// stores it imports.
func Register(scheme string, open func(ctx context.Context, rawURL string) (Store, error)) {
	schemes.Store(scheme, open)
}

// OpenURL returns the store that a URL names: a path or file://path is a local directory; other schemes are those that were registered.
func OpenURL(ctx context.Context, rawURL string) (Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	scheme, rest, found := strings.Cut(rawURL, "://")
	if !found {
		return Local(rawURL)
	}
	if open, ok := schemes.Load(scheme); ok {
		return open.(func(context.Context, string) (Store, error))(ctx, rawURL)
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
