// Command lint runs nilaway, which looks for uses of nil, over the code that is not a test, and compares what it finds
// with the findings that are accepted in accepted.json. A new finding fails, and so does an accepted one that nilaway no
// longer reports: the list only becomes shorter.
//
//	go run ./test/lint          compare
//	go run ./test/lint -list    print all findings in the form of accepted.json
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// accepted is the file of accepted findings, each with its reason.
const accepted = "test/lint/accepted.json"

func main() {
	tool := flag.String("tool", ".bin/nilvet", "nilaway as a tool of go vet")
	list := flag.Bool("list", false, "print all findings")
	flag.Parse()
	if err := run(*tool, *list); err != nil {
		fmt.Fprintln(os.Stderr, "lint:", err)
		os.Exit(1)
	}
}

func run(tool string, list bool) error {
	found, err := nilaway(tool)
	if err != nil {
		return err
	}
	if list {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(found)
	}
	text, err := os.ReadFile(accepted)
	if err != nil {
		return err
	}
	var known []Finding
	if err := json.Unmarshal(text, &known); err != nil {
		return fmt.Errorf("%s: %w", accepted, err)
	}
	if complaints := compare(known, found); len(complaints) > 0 {
		return errors.New(strings.Join(complaints, "\n"))
	}
	fmt.Printf("nilaway: nothing new (%d accepted findings, each with its reason in %s)\n", len(known), accepted)
	return nil
}

// nilaway runs over the packages of this module that are neither tests nor generated.
func nilaway(tool string) ([]Finding, error) {
	tool, err := filepath.Abs(tool)
	if err != nil {
		return nil, err
	}
	all, err := output("go", "list", "./...")
	if err != nil {
		return nil, err
	}
	args := []string{"vet", "-vettool=" + tool, "-json"}
	for _, pkg := range strings.Fields(string(all)) {
		if !strings.Contains(pkg, "/test/") && !strings.HasSuffix(pkg, "test") && !strings.Contains(pkg, "/schemas/gen/") {
			args = append(args, pkg)
		}
	}
	text, err := output("go", args...)
	if err != nil {
		return nil, err
	}
	return parse(text)
}

func output(program string, args ...string) ([]byte, error) {
	var complaint bytes.Buffer
	command := exec.Command(program, args...)
	command.Stderr = &complaint
	text, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s", program, args[0], err, complaint.String())
	}
	return text, nil
}
