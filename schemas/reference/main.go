// Command reference writes the generated part of PROTOCOL.md: what a frame may hold, from the .proto files and their comments.
//
//	go run ./schemas/reference PROTOCOL.md
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/linker"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// roots are the messages that the reference begins with, in reading order; what their fields refer to follows them.
var roots = []protoreflect.FullName{"parley.v1.ClientFrame", "parley.v1.Send", "parley.v1.ServerFrame", "parley.v1.Event"}

const (
	begin = "<!-- generated: schemas/reference -->\n"
	end   = "<!-- /generated -->\n"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run ./schemas/reference PROTOCOL.md")
		os.Exit(2)
	}
	if err := rewrite(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}

// rewrite replaces what stands between the two markers of a page.
func rewrite(page string) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	before, rest, ok := bytes.Cut(text, []byte(begin))
	_, after, closed := bytes.Cut(rest, []byte(end))
	if !ok || !closed {
		return fmt.Errorf("%s lacks the lines %q and %q, between which the reference stands", page, strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	files, err := compile("schemas")
	if err != nil {
		return err
	}
	var out bytes.Buffer
	out.Write(before)
	out.WriteString(begin)
	if err := write(&out, files); err != nil {
		return err
	}
	out.WriteString(end)
	out.Write(after)
	return os.WriteFile(page, out.Bytes(), 0o644)
}

// compile reads every file of the dictionary with its comments.
func compile(folder string) (linker.Resolver, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "parley/v1/*.proto"))
	if err != nil {
		return nil, err
	}
	for i, path := range paths {
		if paths[i], err = filepath.Rel(folder, path); err != nil {
			return nil, err
		}
	}
	compiler := protocompile.Compiler{
		Resolver:       protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: []string{folder}}),
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	files, err := compiler.Compile(context.Background(), paths...)
	if err != nil {
		return nil, err
	}
	return files.AsResolver(), nil
}

// write prints the roots and everything of the dictionary that they reach, each once.
func write(out io.Writer, files linker.Resolver) error {
	var order []protoreflect.Descriptor
	for _, name := range roots {
		d, err := files.FindDescriptorByName(name)
		if err != nil {
			return err
		}
		order = append(order, d)
	}
	for i := 0; i < len(order); i++ {
		if m, ok := order[i].(protoreflect.MessageDescriptor); ok {
			printMessage(out, m)
			order = appendReached(order, m)
		}
	}
	for _, d := range order {
		if e, ok := d.(protoreflect.EnumDescriptor); ok {
			printEnum(out, e)
		}
	}
	return nil
}

// appendReached appends the messages and enums of a message's fields that are not listed yet.
func appendReached(order []protoreflect.Descriptor, m protoreflect.MessageDescriptor) []protoreflect.Descriptor {
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		var to protoreflect.Descriptor
		switch {
		case f.Message() != nil:
			to = f.Message()
		case f.Enum() != nil:
			to = f.Enum()
		default:
			continue
		}
		known := slices.ContainsFunc(order, func(d protoreflect.Descriptor) bool { return d.FullName() == to.FullName() })
		if !known {
			order = append(order, to)
		}
	}
	return order
}

func printMessage(out io.Writer, m protoreflect.MessageDescriptor) {
	fmt.Fprintf(out, "\n### %s\n\n%s\n", m.Name(), comment(m))
	if m.Fields().Len() == 0 {
		return
	}
	fmt.Fprint(out, "\n| field | number | type | meaning |\n|---|---|---|---|\n")
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		fmt.Fprintf(out, "| `%s` | %d | %s | %s |\n", f.Name(), f.Number(), kind(f), comment(f))
	}
}

func printEnum(out io.Writer, e protoreflect.EnumDescriptor) {
	fmt.Fprintf(out, "\n### %s\n\n%s\n\n| value | number | meaning |\n|---|---|---|\n", e.Name(), comment(e))
	for i := range e.Values().Len() {
		v := e.Values().Get(i)
		fmt.Fprintf(out, "| `%s` | %d | %s |\n", v.Name(), v.Number(), comment(v))
	}
}

// kind names a field's type as a link where the reference has it.
func kind(f protoreflect.FieldDescriptor) string {
	name := f.Kind().String()
	switch {
	case f.Message() != nil:
		name = link(f.Message())
	case f.Enum() != nil:
		name = link(f.Enum())
	}
	if f.IsList() {
		name = "list of " + name
	}
	if one := f.ContainingOneof(); one != nil && !one.IsSynthetic() {
		name += ", one of `" + string(one.Name()) + "`"
	}
	return name
}

func link(d protoreflect.Descriptor) string {
	return fmt.Sprintf("[%s](#%s)", d.Name(), strings.ToLower(string(d.Name())))
}

// comment is what stands above a declaration, in one line.
func comment(d protoreflect.Descriptor) string {
	location := d.ParentFile().SourceLocations().ByDescriptor(d)
	return strings.ReplaceAll(strings.Join(strings.Fields(location.LeadingComments), " "), "|", "\\|")
}
