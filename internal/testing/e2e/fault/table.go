// SPDX-License-Identifier: AGPL-3.0-or-later

package fault

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A Case is a cell of a table: a fault, and the situation that it meets.
type Case struct{ Row, Column string }

// Tables are those of docs/faults.md by the headings that they stand under: the
// text of each cell.
type Tables map[string]map[Case]string

// Read reads docs/faults.md. It is called by tests of packages three folders below
// the module's root.
func Read() (Tables, error) {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "faults.md"))
	if err != nil {
		return nil, err
	}
	return Parse(string(text))
}

// Parse reads the tables of a text in Markdown, one under each heading at most.
func Parse(text string) (Tables, error) {
	tables := Tables{}
	var heading string
	var columns []string
	for n, line := range strings.Split(text, "\n") {
		if title, ok := strings.CutPrefix(line, "## "); ok {
			heading, columns = title, nil
		}
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|---") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if columns == nil {
			if tables[heading] != nil {
				return nil, fmt.Errorf("fault: line %d: a second table under %q", n+1, heading)
			}
			columns, tables[heading] = cells[1:], map[Case]string{}
			continue
		}
		if len(cells) != len(columns)+1 {
			return nil, fmt.Errorf("fault: line %d has %d cells, not %d", n+1, len(cells), len(columns)+1)
		}
		for i, cell := range cells[1:] {
			c := Case{cells[0], columns[i]}
			if _, ok := tables[heading][c]; ok {
				return nil, fmt.Errorf("fault: line %d: %v stands there twice", n+1, c)
			}
			tables[heading][c] = cell
		}
	}
	return tables, nil
}

// Differences says in which cases a table and those that are tested differ: tests
// has what the people read in each, which the cell has to quote.
func (t Tables) Differences(heading string, tests map[Case][]string) (all []string) {
	table := t[heading]
	for c, told := range tests {
		text, ok := table[c]
		if !ok || text == "" {
			all = append(all, fmt.Sprintf("%v is tested and has no cell", c))
			continue
		}
		for _, words := range told {
			if !strings.Contains(text, words) {
				all = append(all, fmt.Sprintf("the cell of %v does not say that people read %q", c, words))
			}
		}
	}
	for c := range table {
		if _, ok := tests[c]; !ok {
			all = append(all, fmt.Sprintf("%v has a cell and no test", c))
		}
	}
	slices.Sort(all)
	return all
}
