/** Where a key leads in a grid: pure. */

/** A cell by its numbers. */
export interface Cell {
  readonly row: number
  readonly column: number
}

/** How large the grid is, and how many rows a page has. */
export interface Size {
  readonly rows: number
  readonly columns: number
  readonly page: number
}

/** A key with what is held beside it. */
export interface Key {
  readonly key: string
  readonly ctrlKey: boolean
  readonly metaKey: boolean
  readonly altKey: boolean
}

/** The cell that a key moves to; nothing when it is no key of movement. */
export function step({ key, ctrlKey, metaKey, altKey }: Key, { row, column }: Cell, size: Size): Cell | undefined {
  if (altKey) return undefined
  const far = ctrlKey || metaKey
  const [bottom, right] = [size.rows - 1, size.columns - 1]
  const inside = (to: Cell): Cell => ({ row: Math.max(0, Math.min(bottom, to.row)), column: Math.max(0, Math.min(right, to.column)) })
  switch (key) {
    case 'ArrowUp':
      return inside({ row: far ? 0 : row - 1, column })
    case 'ArrowDown':
      return inside({ row: far ? bottom : row + 1, column })
    case 'ArrowLeft':
      return inside({ row, column: far ? 0 : column - 1 })
    case 'ArrowRight':
      return inside({ row, column: far ? right : column + 1 })
    case 'Home':
      return inside({ row: far ? 0 : row, column: 0 })
    case 'End':
      return inside({ row: far ? bottom : row, column: right })
    case 'PageUp':
      return inside({ row: row - size.page, column })
    case 'PageDown':
      return inside({ row: row + size.page, column })
    default:
      return undefined
  }
}
