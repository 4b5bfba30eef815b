require('fs').writeFileSync('other.mjs', "import { basename } from 'node:path'; export default basename(import.meta.url); export const late = await Promise.resolve(1)")
import('./other.mjs').then((other) => console.log(other.default, other.late))
import('node:os').then((os) => console.log(os.hostname(), typeof os.default.EOL))
