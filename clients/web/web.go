// Package web carries the built page of clients/web inside the binary, so that a gateway serves it without any file beside it.
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Files is the built page: index.html at its root, hashed assets under assets/.
func Files() fs.FS {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // cannot be: the name is a constant that embed has checked
	}
	return files
}
