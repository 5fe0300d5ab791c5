// Package memory is what the engine knows of memory itself: typed views of bytes ([Float32s], [Uint16s], [Bytes], [Pairs]), and large arrays on huge
// pages where the system offers them ([Arrays], [AdviseHuge]). Those cost a quarter as much to touch for the first time, and products that walk
// down a matrix's columns don't wait for the addresses of its pages.
//
// The one trap: a view shares its bytes on one machine and is a copy on another, so it must not be written to.
package memory
