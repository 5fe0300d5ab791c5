// Package parquetfile opens Parquet files that may be damaged, or none at all ([Open]).
//
// The one trap: what it returns without an error can still be damaged, and the library panics on some of that, so callers recover.
package parquetfile
