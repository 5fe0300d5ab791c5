// Package storage is where caches lie: a small interface over directories of objects, with ranged reads, writes that appear whole or not
// at all, create-if-absent and a rename that never overwrites. [Local] is a directory of this machine; [OpenURL] picks a store by its
// URL. Package storetest holds the tests that every [Store] has to pass.
//
// The one trap: a [Writer] that was not closed has published nothing. Check the error of Close, and call Abort on every other way out.
package storage
